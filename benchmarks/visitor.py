"""One visitor of the app without a browser: it speaks Streamlit's protocol over a real WebSocket.

It holds the state of widgets, keeps messages that may be kept, obeys timers, follows the address, and draws nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any
from urllib.parse import parse_qs

from streamlit.proto.BackMsg_pb2 import BackMsg  # noqa: TID251  its messages, not its screen
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg  # noqa: TID251
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

PATIENCE_S = 60.0
"""An answer that takes longer counts as lost [s]."""

DONE, BROKEN = ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR
FRAGMENT_DONE = ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY


class Visitor:
    """A browser's tab.

    Attributes:
        address: What stands behind the ``?`` of the address.
        page: Address of the page in sight, empty for the first one.
        waits: Kind and duration [s] of everything that was asked for.
        polls: Durations of what the page's timers asked for [s].
        faults: One sentence for everything that went wrong.
    """

    def __init__(self, url: str) -> None:
        self.url = url.replace("http://", "ws://") + "/_stcore/stream"
        self.address: dict[str, str] = {}
        self.page = ""
        self.waits: list[tuple[str, float]] = []
        self.polls: list[float] = []
        self.faults: list[str] = []
        self._pages: dict[str, str] = {}
        self._elements: dict[str, Any] = {}
        self._values: dict[str, tuple[str, Any]] = {}
        self._kept: dict[str, ForwardMsg] = {}
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._done = asyncio.Event()
        self._started = False
        self._polled_s: float | None = None
        self._line: ClientConnection | None = None
        self._hearing: asyncio.Task[None] | None = None

    async def enter(self, page: str = "", query: str = "") -> None:
        """Open an address in a new tab: a page, and what stands behind its ``?``."""
        self._forget_page()
        self._pages, self._kept, self.page = {}, {}, page
        self.address = _parts(query)
        started_s = time.perf_counter()
        options: dict[str, Any] = {"subprotocols": ["streamlit"], "max_size": None, "open_timeout": PATIENCE_S}
        try:
            self._line = await connect(self.url, **options)
        except (OSError, WebSocketException) as error:
            self.faults.append(f"no way in: {type(error).__name__}")
            self.address = {}
            return
        self._hearing = asyncio.create_task(self._listen(self._line))
        await self._ask("enter", started_s, page_name=page, query_string=query)
        await self.read_on()

    async def show(self, page: str) -> None:
        """Change the page by its link in the navigation."""
        self._forget_page()
        self.page, self.address = page, {}
        await self._ask("page", time.perf_counter())
        await self.read_on()

    async def press(self, key: str) -> bool:
        """Press a button; False if it is not there or cannot be pressed now."""
        button = self._elements.get(key)
        if button is None or button.disabled:
            return False
        await self._ask("press", time.perf_counter(), pressed=button.id)
        return True

    async def put(self, key: str, kind: str, value: Any) -> bool:
        """Give a widget another value, such as ``string_value``; False if it is not there."""
        if key not in self._elements:
            return False
        self._values[self._elements[key].id] = (kind, value)
        await self._ask("widget", time.perf_counter())
        return True

    async def drag(self, share: float) -> bool:
        """Drag the threshold slider and let go at a share of its way; False if it is not there."""
        slider = self._elements.get("cut")
        if slider is None:
            return False
        thresholds = (data := json.loads(slider.json))["grid"]["threshold"]
        chosen = {"id": data["id"], "value": thresholds[int(share * (len(thresholds) - 1))]}
        await self._tell("drag", slider.id, {"threshold": chosen})
        return True

    async def find(self, text: str, share: float) -> bool:
        """Type into the box that finds a feature, and take one of those listed; False if it is not there."""
        if (box := self._elements.get("find_feature")) is None:
            return False
        run, said = json.loads(box.json)["id"], {}
        said["query"] = {"id": run, "text": text}
        await self._tell("type", box.id, said)
        if found := json.loads(self._elements.get("find_feature", box).json)["found"]:
            said["chosen"] = {"id": run, "feature": found[int(share * len(found))]["id"]}
            await self._tell("choose", box.id, said)
        return True

    async def read_on(self) -> None:
        """Come near to everything that the page has left for later, as a browser with time to spare does at once."""
        if near := [element.id for key, element in self._elements.items() if key.startswith("near_")]:
            self._values |= dict.fromkeys(near, ("json_value", '{"near": 1}'))
            await self._ask("read on", time.perf_counter())

    async def leave(self) -> None:
        """Close the tab."""
        self._forget_page()
        if self._hearing is not None:
            self._hearing.cancel()
        if self._line is not None:
            await self._line.close()
        self._line = self._hearing = None

    def _forget_page(self) -> None:
        self._stop_timers(list(self._timers))
        self._elements, self._values, self._polled_s = {}, {}, None

    async def _tell(self, kind: str, widget_id: str, said: dict[str, Any]) -> None:
        self._values[widget_id] = ("json_value", json.dumps(said))
        await self._ask(kind, time.perf_counter())

    async def _ask(self, kind: str, started_s: float, pressed: str = "", **more: str) -> None:
        self._done.clear()
        self._started = False
        done = asyncio.create_task(self._done.wait())
        try:
            await self._send(pressed, **more)
            await asyncio.wait(
                {done, *filter(None, [self._hearing])}, timeout=PATIENCE_S, return_when="FIRST_COMPLETED"
            )
        except ConnectionClosed:
            pass  # who listens has noted it
        if done.done():
            self.waits.append((kind, time.perf_counter() - started_s))
            return
        done.cancel()
        self.faults.append(f"no answer to {kind} on {self.page or 'the first page'}")
        if self._hearing is not None and self._hearing.done():
            self._hearing.result()  # an error of this client is not the server's

    async def _send(
        self, pressed: str = "", fragment_id: str = "", page_name: str = "", query_string: str = ""
    ) -> None:
        message = BackMsg()
        state = message.rerun_script
        state.query_string = query_string or "&".join(f"{name}={value}" for name, value in self.address.items())
        state.page_script_hash, state.page_name = self._pages.get(self.page, ""), page_name
        state.fragment_id, state.is_auto_rerun = fragment_id, bool(fragment_id)
        state.cached_message_hashes.extend(self._kept)
        state.context_info.timezone, state.context_info.locale = "UTC", "en"
        told = [*self._values.items(), *([(pressed, ("trigger_value", True))] if pressed else [])]
        for widget_id, (kind, value) in told:
            setattr(state.widget_states.widgets.add(id=widget_id), kind, value)
        if self._line is not None:
            await self._line.send(message.SerializeToString())

    async def _listen(self, line: ClientConnection) -> None:
        try:
            async for raw in line:
                self._hear(ForwardMsg.FromString(raw if isinstance(raw, bytes) else raw.encode()))
        except ConnectionClosed as error:
            self.faults.append(f"the server closed the connection: {error}")

    def _hear(self, message: ForwardMsg) -> None:
        if message.WhichOneof("type") == "ref_hash":
            message = self._kept[message.ref_hash]
        elif message.metadata.cacheable:
            self._kept[message.hash] = message
        follow = getattr(self, f"_on_{message.WhichOneof('type')}", None)
        if follow is not None:
            follow(message)

    def _on_delta(self, message: ForwardMsg) -> None:
        if message.delta.WhichOneof("type") == "new_element":
            self._see(message.delta.new_element)

    def _on_new_session(self, message: ForwardMsg) -> None:
        if not message.metadata.run.fragment_ids:
            self._stop_timers(list(self._timers))
            self._elements, self._started = {}, True

    def _on_navigation(self, message: ForwardMsg) -> None:
        self._pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}

    def _on_page_info_changed(self, message: ForwardMsg) -> None:
        self.address = _parts(message.page_info_changed.query_string)

    def _on_auto_rerun(self, message: ForwardMsg) -> None:
        timer = message.auto_rerun
        self._stop_timers([timer.fragment_id])
        self._timers[timer.fragment_id] = asyncio.create_task(self._poll(timer.fragment_id, timer.interval))

    def _on_stop_auto_rerun(self, message: ForwardMsg) -> None:
        self._stop_timers(message.stop_auto_rerun.fragment_ids)

    def _on_script_finished(self, message: ForwardMsg) -> None:
        if self._polled_s is not None:
            self.polls.append(time.perf_counter() - self._polled_s)
            self._polled_s = None
        if message.script_finished == BROKEN:
            self.faults.append(f"{self.page or 'the first page'} could not be run")
        # Streamlit drops the end of a whole run where a timer's run begins at that moment: then that one's end counts
        if message.script_finished in (DONE, BROKEN, FRAGMENT_DONE) and self._started:
            self._done.set()

    def _see(self, element: Any) -> None:
        kind = element.WhichOneof("type")
        found = getattr(element, kind)
        if kind == "exception":
            self.faults.append(f"{found.type} on {self.page or 'the first page'}: {found.message[:200]}")
        elif kind == "alert" and found.format == found.ERROR:
            self.faults.append(f"said on {self.page or 'the first page'}: {found.body[:200]}")
        elif getattr(found, "id", ""):
            key = found.id.split("-", 2)[-1]  # an id ends with the key that the app has given
            self._elements[key] = self._elements[key.partition("_")[0]] = found

    def _stop_timers(self, fragment_ids: Any) -> None:
        for fragment_id in fragment_ids:
            if fragment_id in self._timers:
                self._timers.pop(fragment_id).cancel()

    async def _poll(self, fragment_id: str, interval_s: float) -> None:
        with contextlib.suppress(ConnectionClosed):  # who listens has noted it
            while True:
                await asyncio.sleep(interval_s)
                self._polled_s = self._polled_s or time.perf_counter()
                await self._send(fragment_id=fragment_id)


def _parts(query: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(query.lstrip("?")).items()}
