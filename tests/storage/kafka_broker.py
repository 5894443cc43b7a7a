"""A node of Apache Kafka that tests may kill; its files come from Maven Central and are cached outside the clone.

Rule 1: the cache is complete or missing: files are fetched into another folder, which is renamed at the end.
Rule 2: a killed broker is restarted with its old ports and files.
Limit: a kill of a process does not lose data that the kernel has not written yet; a loss of power may. Set
`log.flush.interval.messages=1` for a claim about that.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from time import monotonic

from tests.net.ports import kept_port

VERSION = "4.4.0"
CLUSTER = "b2NrYW1fZnNtX3Rlc3RzMQ"
START_SECONDS = 90.0
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ockam_fsm</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""
PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={logs}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
offsets.topic.num.partitions=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


class Missing(RuntimeError):
    """A requirement of the broker is missing."""


def libraries() -> Path:
    """Return the folder with the jars of Kafka.

    Raises:
        Missing: they are missing and cannot be fetched.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ockam_fsm"
    folder = cache / f"kafka-{VERSION}"
    if folder.is_dir():
        return folder
    if shutil.which("mvn") is None:
        raise Missing(f"Kafka is not in {folder}, and mvn is not installed. Install the package maven.")
    cache.mkdir(parents=True, exist_ok=True)
    fresh = Path(mkdtemp(prefix="kafka-", dir=cache))
    (fresh / "pom.xml").write_text(POM.format(VERSION))
    print(f"Fetching Apache Kafka {VERSION} into {folder} ...", flush=True)
    command = ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"]
    done = subprocess.run(command, cwd=fresh, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(fresh)
        raise Missing(f"mvn cannot fetch Apache Kafka {VERSION}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    if folder.is_dir():
        shutil.rmtree(fresh)  # another run was faster
    else:
        fresh.rename(folder)
    return folder


class Broker:
    def __init__(self, folder: Path) -> None:
        if shutil.which("java") is None:
            raise Missing("java is not installed. Install the package openjdk-17-jre-headless.")
        self.folder = folder
        self._classes = f"{libraries()}/lib/*"
        self._port, self._controller = kept_port(), kept_port()
        self.address = f"127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._file = folder / "server.properties"
        text = PROPERTIES.format(port=self._port, controller=self._controller, logs=folder / "logs")
        self._file.write_text(text)
        self._run("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(self._file))

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(["java", "-cp", self._classes, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")

    def start(self) -> None:
        """Start the broker, and wait until it accepts connections."""
        command = ["java", "-Xmx256m", "-cp", self._classes, "kafka.Kafka", str(self._file)]
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        deadline = monotonic() + START_SECONDS
        while not accepts(self._port):
            if self._process.poll() is not None or monotonic() > deadline:
                self.kill()
                raise Missing(f"the broker does not start; see {self.folder / 'broker.log'}")

    def kill(self) -> None:
        """Kill the broker with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(("127.0.0.1", port))
        except OSError:
            subprocess.run(["sleep", "0.1"], check=True)
            return False
    return True


@contextmanager
def running_broker() -> Iterator[Broker]:
    """
    Raises:
        Missing: a requirement of the broker is missing.
    """
    with TemporaryDirectory(prefix="kafka-", ignore_cleanup_errors=True) as folder:
        broker = Broker(Path(folder))
        broker.start()
        try:
            yield broker
        finally:
            broker.kill()
