"""Futures and errors that all back ends share.

Rule 1: a future is running from the start, so that it cannot be cancelled: the write would go on.
Rule 2: a `StorageError` of a public call becomes the exception of its future (`through_future`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from ockam_fsm.storage.interface import Fenced, StorageError, StorageRefused, Stored

P = ParamSpec("P")
T = TypeVar("T")


def started() -> Future[Any]:
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


def completed(value: T) -> Future[T]:
    future: Future[T] = started()
    future.set_result(value)
    return future


def failed(error: StorageError) -> Future[Any]:
    future: Future[Any] = started()
    future.set_exception(error)
    return future


def through_future(call: Callable[P, Future[T]]) -> Callable[P, Future[T]]:
    @wraps(call)
    def guarded(*args: P.args, **options: P.kwargs) -> Future[T]:
        try:
            return call(*args, **options)
        except StorageError as error:
            return failed(error)

    return guarded


def no_stream(stream: str) -> StorageRefused:
    return StorageRefused(f"there is no stream {stream!r}", "create it first")


def no_partition(stream: str, partition: int, partitions: int) -> StorageRefused:
    return StorageRefused(f"{stream!r} has no partition {partition}", f"use 0 to {partitions - 1}")


def closed() -> StorageRefused:
    return StorageRefused("the storage is closed", "open it again")


def fenced(log: str) -> Fenced:
    return Fenced(f"another writer has opened {log}", "stop this writer, or open the log again")


def log_name(stream: str, partition: int) -> str:
    return f"partition {partition} of {stream!r}"


def first_bytes(max_bytes: int, messages: Iterable[Stored]) -> tuple[Stored, ...]:
    """Return the first messages with at most `max_bytes` in total; at least one if there is one."""
    found: list[Stored] = []
    for message in messages:
        max_bytes -= len(message.data)
        if found and max_bytes < 0:
            break
        found.append(message)
    return tuple(found)
