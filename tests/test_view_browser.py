"""The page of `view` in headless Chromium, where there is one: it loads, and the mouse moves the indenter."""

import shutil
import threading
import time

import pytest

from tests.test_view_page import live, page  # noqa: F401

pytest.importorskip("viser")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SOFTWARE_GL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_in_a_real_browser_the_mouse_moves_the_indenter(live):  # noqa: F811
    sync_api = pytest.importorskip("playwright.sync_api")
    stop = threading.Event()
    simulating = threading.Thread(target=live.run, args=(stop,))
    simulating.start()
    asked = []
    try:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SOFTWARE_GL)
            view = browser.new_page(viewport={"width": 1200, "height": 600})
            view.set_default_timeout(120_000)
            view.on("request", lambda request: asked.append(request.url))
            view.goto(live.page.url + "/?fixedDpr=0.25")
            view.wait_for_selector("canvas")
            wait_for(lambda: view.evaluate("[...document.images].some(i => i.naturalWidth > 500)"), 120)
            view.wait_for_timeout(5000)
            before = live.reading
            picture = view.evaluate("[...document.images].find(i => i.naturalWidth > 500).src")
            x, y = 500 + (1200 - 500 - 330) / 2, 600 * 0.36  # the sphere, in the middle of what the panels leave
            view.mouse.move(x, y)
            view.mouse.down()
            for k in range(1, 13):
                view.mouse.move(x + 5 * k, y)
                view.wait_for_timeout(100)
            wait_for(lambda: live.reading.gel_T_indenter[0, 3] > before.gel_T_indenter[0, 3] + 0.3e-3, 60)
            view.mouse.up()
            wait_for(lambda: view.evaluate("[...document.images].find(i => i.naturalWidth > 500).src") != picture, 60)
            browser.close()
    finally:
        stop.set()
        simulating.join()
    assert live.reading.shear_force_n != before.shear_force_n
    outside = [url for url in asked if not url.startswith((live.page.url, "ws://localhost", "blob:", "data:"))]
    assert not outside


def wait_for(holds, seconds):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.2)
