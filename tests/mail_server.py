"""A mail server on this machine that does as it is told: what it answers to which command, and when it breaks off."""

import socketserver
import ssl
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Self

DROP = "drop the connection"
HANG = "say nothing more"
DRIP = "a byte now and then, never a whole answer"

GREETING, MESSAGE = "greeting", "message"  # beside the commands, what may be answered: the second is the final dot
USUAL = {GREETING: "220 mail.test", "AUTH": "235 Welcome", "DATA": "354 Go ahead", "QUIT": "221 Bye"}

Answer = str | Callable[[], str]


@dataclass(frozen=True)
class Arrived:
    """A message that the server has taken, and its envelope."""

    sender: str
    recipients: list[str]
    message: EmailMessage


class MailServer:
    """`arrived` is what it took, `said` every command in order, `visits` how often somebody connected."""

    def __init__(
        self, *, login: str = "", certificate: Path | None = None, is_tls_from_the_start: bool = False
    ) -> None:
        self.arrived: list[Arrived] = []
        self.said: list[str] = []
        self.visits = 0
        self.login = login
        self.tls: ssl.SSLContext | None = None
        self.is_tls_from_the_start = is_tls_from_the_start
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)
        self.is_closing = threading.Event()
        self._answers: dict[str, deque[Answer]] = defaultdict(deque)
        self._listener = _Listener(("127.0.0.1", 0), _Conversation)
        self._listener.server = self

    def answers(self, command: str, *answers: Answer) -> None:
        """What it says next to a command (or GREETING, MESSAGE), one after the other; then what is usual."""
        self._answers[command].extend(answers)

    def is_told(self, command: str) -> bool:
        return bool(self._answers[command])

    def next_answer(self, command: str) -> str:
        waiting = self._answers[command]
        answer = waiting.popleft() if waiting else USUAL.get(command, "250 Fine")
        return answer() if callable(answer) else answer

    @property
    def port(self) -> int:
        return int(self._listener.server_address[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.is_closing.set()
        self._listener.shutdown()
        self._listener.server_close()


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    server: MailServer


class _Conversation(socketserver.StreamRequestHandler):
    """One connection, until either side has enough."""

    def handle(self) -> None:
        self.mail: MailServer = self.server.server  # type: ignore[attr-defined]
        self.mail.visits += 1
        self._sender, self._is_in = "", not self.mail.login
        self._recipients: list[str] = []
        try:
            if self.mail.is_tls_from_the_start:
                self._wrap()
            self._say(self.mail.next_answer(GREETING))
            while line := self.rfile.readline():
                self._obey(line.decode().strip())
        except (_Enough, OSError):
            pass

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def _obey(self, line: str) -> None:
        self.mail.said.append(line)
        command = line.split(" ")[0].split(":")[0].upper()
        match command:
            case "EHLO" if not self.mail.is_told("EHLO"):
                return self._say(self._greeting())
            case "STARTTLS" if self.mail.tls:
                self._say("220 Ready")
                return self._wrap()
            case "AUTH":
                return self._say(self._welcome(line))
            case "MAIL" if not self._is_in:
                return self._say("530 5.7.0 Log in first")
            case "MAIL" if self._sender:
                return self._say("503 5.5.1 Nested MAIL command")
            case "RSET":
                self._sender, self._recipients = "", []
        answer = self.mail.next_answer(command)
        self._say(answer)
        if answer.startswith("2"):
            self._note(command, line)
        if command == "DATA" and answer.startswith("354"):
            self._receive()
        if command == "QUIT":
            raise _Enough
        return None

    def _note(self, command: str, line: str) -> None:
        address = line.partition("<")[2].partition(">")[0]
        if command == "MAIL":
            self._sender = address
        if command == "RCPT":
            self._recipients.append(address)

    def _receive(self) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise _Enough
            lines.append(line[1:] if line.startswith(b"..") else line)
        answer = self.mail.next_answer(MESSAGE)
        if answer.startswith("250"):
            message = message_from_bytes(b"".join(lines), policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.mail.arrived.append(Arrived(self._sender, self._recipients, message))
        self._sender, self._recipients = "", []
        self._say(answer)
        if "and drop" in answer:
            raise _Enough

    def _greeting(self) -> str:
        offers = ["AUTH PLAIN LOGIN"] * bool(self.mail.login) + ["STARTTLS"] * bool(self.mail.tls)
        return "\r\n".join(["250-mail.test", *(f"250-{offer}" for offer in offers), "250 SIZE 1000000"])

    def _wrap(self) -> None:
        assert self.mail.tls
        self.request = self.mail.tls.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)

    def _welcome(self, line: str) -> str:
        self._is_in = line == f"AUTH PLAIN {self.mail.login}"
        return self.mail.next_answer("AUTH") if self._is_in else "535 5.7.8 ann:secret is wrong"

    def _say(self, answer: str) -> None:
        if answer == DROP:
            raise _Enough
        while answer in (HANG, DRIP):
            if self.mail.is_closing.wait(0.05):
                raise _Enough
            if answer == DRIP:
                self.wfile.write(b"2")
        self.wfile.write(f"{answer}\r\n".encode())


class _Enough(Exception):
    """The conversation is over."""
