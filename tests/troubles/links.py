"""Links between replicas that a test holds in its hands: each pair has one of its own, which may be slow, narrow or cut."""

import asyncio
import socket
import threading

CHUNK = 16 << 10


class Link:
    """What a link does to bytes, in both directions."""

    def __init__(self):
        self.delay = 0.0
        self.bytes_per_second = None
        self.is_cut = False
        self.open = set()


class Links:
    """A listener for each ordered pair of replicas, and one link for each two of them."""

    def __init__(self, ports):
        numbers = range(len(ports))
        self.links = {frozenset((one, other)): Link() for one in numbers for other in numbers if one < other}
        self.doors = {}
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        for one in numbers:
            for other in numbers:
                if one != other:
                    self.doors[one, other] = self._run(self._listen(ports[other], self.between(one, other)))

    def between(self, one, other):
        return self.links[frozenset((one, other))]

    def of(self, replica):
        return [link for pair, link in self.links.items() if replica in pair]

    def door(self, one, other):
        """The port at which `one` reaches `other`."""
        return self.doors[one, other]

    def cut(self, links):
        for link in links:
            link.is_cut = True
            self.loop.call_soon_threadsafe(self._close, link)  # whose thread alone changes what is open

    def mend(self):
        for link in self.links.values():
            link.delay, link.bytes_per_second, link.is_cut = 0.0, None, False

    @staticmethod
    def _close(link):
        for writer in link.open:
            writer.close()

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    async def _listen(self, port, link):
        async def arrived(reader, writer):
            if link.is_cut:
                writer.close()
                return
            try:
                behind = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                writer.close()
                return
            link.open |= {writer, behind[1]}
            if link.is_cut:  # meanwhile
                self._close(link)
            await asyncio.gather(self._carry(reader, behind[1], link), self._carry(behind[0], writer, link))
            link.open -= {writer, behind[1]}

        server = await asyncio.start_server(arrived, "127.0.0.1", 0, family=socket.AF_INET)
        return server.sockets[0].getsockname()[1]

    async def _carry(self, reader, writer, link):
        """Bytes in one direction, in their order, each as late as the link says."""
        waiting = asyncio.Queue(maxsize=4096)

        async def write():
            while (item := await waiting.get()) is not None:
                due, data = item
                await asyncio.sleep(max(0.0, due - self.loop.time()))
                if link.bytes_per_second:
                    await asyncio.sleep(len(data) / link.bytes_per_second)
                if not link.is_cut:
                    writer.write(data)
                    await writer.drain()

        writing = self.loop.create_task(write())
        try:
            while data := await reader.read(CHUNK):
                await waiting.put((self.loop.time() + link.delay, data))
        except OSError:
            pass
        await waiting.put(None)
        await asyncio.gather(writing, return_exceptions=True)
        writer.close()
