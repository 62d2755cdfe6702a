"""The SID table: security identifiers for contexts, kept across policy loads.

Rules: security/selinux/ss/sidtab.c, context_convert in ss/services.c. A SID never changes its
meaning. A context that a new policy does not know keeps its text, behaves as the initial SID
`unlabeled`, and becomes real again under a policy that knows it.
"""

from dataclasses import dataclass

from lsm.modules.selinux import context
from lsm.modules.selinux.context import Context, ContextError
from lsm.modules.selinux.policy import Policy

UNLABELED = "unlabeled"
TEXTS_MAX = 4096


@dataclass(slots=True)
class Entry:
    """One SID: its text under the last policy that knew it, and its context, None where it means nothing now."""

    text: str
    context: Context | None


class SidTable:
    """SIDs count from 1; the initial ones come first, in the policy's order."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._entries: list[Entry] = []
        self._initial: dict[str, int] = {}
        self._by_context: dict[Context, int] = {}
        self._by_text: dict[str, int] = {}
        self._deferred: dict[str, int] = {}
        # Every decision is told with two of them.
        self._texts: dict[int, str] = {}
        self.load(policy)

    def load(self, policy: Policy) -> None:
        """Give every SID its meaning under `policy`."""
        mls_before, self._policy = self._policy.mls, policy
        for entry in self._entries:
            self._convert(entry, mls_before)
        self._load_initial()
        self._index()

    def sid(self, text: str, default: int | None, defer: bool) -> int:
        """The SID of a context's text. ContextError when it is invalid, or only if it is too long if `defer`."""
        sid = self._by_text.get(text)
        if sid is None:
            try:
                base = None if default is None else self.context(default)
                sid = self.intern(context.parse(self._policy, text, base))
            except ContextError:
                if not defer:
                    raise
                return self._defer(text)
            if default is None:
                self._remember(text, sid)
        return sid

    def initial(self, name: str) -> int:
        """The SID of an initial SID by its name; KeyError if no policy loaded so far had it."""
        return self._initial[name]

    def intern(self, found: Context) -> int:
        """The SID of a context, valid or not."""
        sid = self._by_context.get(found)
        if sid is None:
            self._entries.append(Entry(context.format(self._policy, found), found))
            sid = self._by_context[found] = len(self._entries)
        return sid

    def context(self, sid: int) -> Context:
        """The context that a SID behaves as; an unknown SID is `unlabeled` (sidtab_search)."""
        if 0 < sid <= len(self._entries):
            found = self._entries[sid - 1].context
            if found is not None:
                return found
        return self._policy.initial_contexts[UNLABELED]

    def text(self, sid: int, force: bool) -> str:
        """The canonical text that a SID behaves as; with `force` the kept text of one that means nothing now."""
        if force and 0 < sid <= len(self._entries):
            return self._entries[sid - 1].text
        text = self._texts.get(sid)
        if text is None:
            text = self._texts[sid] = context.format(self._policy, self.context(sid))
        return text

    def _load_initial(self) -> None:
        for name in self._initial.keys() - self._policy.initial_contexts.keys():
            self._entries[self._initial[name] - 1].context = None
        for name, found in self._policy.initial_contexts.items():
            entry = Entry(self._policy.initial_sids[name], found)
            if name in self._initial:
                self._entries[self._initial[name] - 1] = entry
            else:
                self._entries.append(entry)
                self._initial[name] = len(self._entries)

    def _convert(self, entry: Entry, mls_before: bool) -> None:
        """Read an entry's text under the new policy; as MLS goes or comes, a range is dropped or is `unlabeled`'s."""
        default = None
        if mls_before != self._policy.mls:
            default = self._policy.initial_contexts.get(UNLABELED)
        try:
            entry.context = context.parse(self._policy, entry.text, default)
            entry.text = context.format(self._policy, entry.context)
        except ContextError:
            entry.context = None

    def _index(self) -> None:
        self._by_text.clear()
        self._by_context.clear()
        self._deferred.clear()
        self._texts.clear()
        for sid, entry in enumerate(self._entries, 1):
            if entry.context is not None:
                self._by_context.setdefault(entry.context, sid)
            else:
                self._deferred.setdefault(entry.text, sid)

    def _defer(self, text: str) -> int:
        context.refuse_long(text)
        sid = self._deferred.get(text)
        if sid is None:
            self._entries.append(Entry(text, None))
            sid = self._deferred[text] = len(self._entries)
        return sid

    def _remember(self, text: str, sid: int) -> None:
        """Keep a spelling that a caller used; callers choose spellings, so they may not fill the memory."""
        if len(self._by_text) >= TEXTS_MAX:
            self._by_text.clear()
        self._by_text[text] = sid
