"""A page that somebody looks at in a real browser, and all that it complained of and asked for."""

import base64
import shutil
import time
from urllib.parse import urlsplit

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Visit:
    """A visit of the page at a port; a script may run `before` the page's own."""

    def __init__(self, browser, port, width=1280, before=""):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True)
        self.page = self.context.new_page()
        if before:
            self.page.add_init_script(before)
        self.complaints, self.hosts = [], set()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self._hear(message))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        self.page.goto(f"http://127.0.0.1:{port}/")
        self.until("document.querySelector('#status').textContent.includes('ready')")

    def _hear(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def until(self, holds, seconds=30):
        """Wait; what Playwright has for it evaluates text, which the page's policy forbids."""
        end = time.monotonic() + seconds
        while not self.page.evaluate(holds):
            assert time.monotonic() < end, f"{holds}: {self.page.inner_text('#status')}"
            time.sleep(0.03)

    def status(self):
        return self.page.inner_text("#status")

    def piece(self):
        """The bytes of the piece that stands."""
        return base64.b64decode(self.page.evaluate("studio.session.now.midi"))

    def leave(self, port):
        """Nothing was wrong, and no other host was asked for anything."""
        assert self.complaints == []
        assert {host for host in self.hosts if host} == {f"127.0.0.1:{port}"}
        self.context.close()
