"""One handler for each consumed topic: identity reads its own, so that nothing happens in its name unseen."""

from collections.abc import Sequence

from services.identity.actions.context import Identity
from services.identity.actions.provisioning import recall
from services.identity.actions.watching import watch
from shared.events import AccountChanged, KeyPublished
from shared.kafka.follower import TopicFollower
from shared.kafka.pauses import UNHURRIED


class Handlers:
    """The handlers of the consumed events."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def published(self, events: Sequence[KeyPublished | AccountChanged]) -> None:
        """Record the new keys and account changes that identity did not make. Raises: Unavailable."""
        await watch(self._identity, events)

    async def changed(self, events: Sequence[AccountChanged]) -> None:
        """Store the provisioners that the topic of account changes names. Raises: Unavailable."""
        await recall(self._identity, events)


def followers(identity: Identity) -> list[TopicFollower]:
    """Return the follower of new keys and account changes, and that of every account change since the start."""
    handlers, runtime = Handlers(identity), identity.runtime
    return [
        runtime.follower(
            "identity watch",
            [KeyPublished, AccountChanged],
            from_start=False,
            learn=handlers.published,
            pauses=UNHURRIED.longest,
        ),
        runtime.follower(
            "identity provisioners",
            [AccountChanged],
            from_start=True,
            learn=handlers.changed,
            pauses=UNHURRIED.longest,
        ),
    ]
