"""Secure channels between nodes: the profile for `TcpNode.session` and `TcpNode.spawner`. It needs the extra `secure`.

    store = FileIdentityStore("alice.identity")
    profile = secure_profile(store, TrustIdentifiers(["Iaf42..."]))
    node.spawner("api", profile=profile, handler=handle)                                # the responder
    async with node.session("tcp://hub:4000/api", profile=profile) as channel:          # the initiator
        print(channel.peer, await channel.request(b"hello", (local("echo"),)))

Rule 1: a new identity is stored before it is used.
Source: spec/sessions.md section 18.
"""

from __future__ import annotations

import secrets
import time

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.text import shown
from ockam_fsm.secure.identity_store import IdentityStore, MemoryIdentityStore, StoredIdentity
from ockam_fsm.secure.profile import SecureProfile
from ockam_fsm.secure.secret import KEY_BYTES, Secret
from ockam_fsm.secure.trust import TrustEveryone, TrustPolicy


def stored_identity(store: IdentityStore) -> StoredIdentity:
    """Return the identity of a store; create it if there is none.

    Raises:
        LocalSessionError: the store cannot be used.
    """
    identity = store.load()
    if identity is None:
        identity = StoredIdentity.create(_secret(), _secret(), int(time.time()))
        store.save(identity)
    return identity


def secure_profile(
    store: IdentityStore | None = None, trust: TrustPolicy | None = None, *, keepalives: bool = True
) -> SecureProfile:
    """Return the profile of secure channels for one identity.

    Args:
        store: the store of the identity. Without one the identity is new, and is lost at the end of the process.
        trust: the policy that accepts peers; without one every peer is accepted. The channel is private, but the
            application must check `peer` (`TcpSession.peer`, and `Context.peer` in a handler).
        keepalives: False for peers that are real Ockam nodes, which do not answer keepalives.

    Raises:
        LocalSessionError: an argument is of the wrong type, the store cannot be used, or its identity has expired.
    """
    _check("store", store, "load", "a FileIdentityStore")
    _check("trust", trust, "trusts", "TrustIdentifiers([...]), TrustEveryone() or TrustCallback(function)")
    identity = stored_identity(MemoryIdentityStore() if store is None else store)
    policy = TrustEveryone() if trust is None else trust  # an empty policy is false, and trusts no peer
    own = identity.purpose_key(int(time.time()))
    return SecureProfile(own, policy, time.time, secrets.token_bytes, keepalives=keepalives)


def _check(name: str, given: object, method: str, example: str) -> None:
    if given is not None and (isinstance(given, type) or not callable(getattr(given, method, None))):
        raise LocalSessionError(f"{name}: {shown(given)}; write {example}")


def _secret() -> Secret:
    return Secret(secrets.token_bytes(KEY_BYTES))
