#!/usr/bin/python3
"""A browser window of WebKitGTK for WebKitWebDriver, which starts this program.

WebKitGTK's own MiniBrowser keeps nothing and writes no console lines while it is driven. This one has what a visitor's browser
has: a profile that outlives a page, and a console, which it writes to its standard output and error. The profile and what it
downloads lie in the folder $WHELP_PROFILE.

    browser.py --version    prints the engine's version
"""

import os
import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import GLib, Gtk, WebKit2  # noqa: E402

VERSION = (WebKit2.get_major_version(), WebKit2.get_minor_version(), WebKit2.get_micro_version())


def main():
    if "--version" in sys.argv:
        print(f"WebKitGTK {'.'.join(map(str, VERSION))}")
        return
    profile = os.environ["WHELP_PROFILE"]
    manager = WebKit2.WebsiteDataManager(base_data_directory=f"{profile}/data", base_cache_directory=f"{profile}/cache")
    context = WebKit2.WebContext(website_data_manager=manager)
    # Else it is made of the locale: where that is `C.UTF-8`, `C`, which is no language to JavaScript.
    context.set_preferred_languages(["en-US"])
    context.set_automation_allowed(True)
    context.connect("automation-started", on_automation)
    context.connect("download-started", on_download, f"{profile}/downloads")
    Gtk.main()


def on_automation(context, session):
    info = WebKit2.ApplicationInfo()
    info.set_name("whelp-tests")
    info.set_version(*VERSION)
    session.set_application_info(info)
    session.connect("create-web-view", new_window, context)


def new_window(_session, context):
    settings = WebKit2.Settings(enable_write_console_messages_to_stdout=True)
    view = WebKit2.WebView(web_context=context, settings=settings, is_controlled_by_automation=True)
    window = Gtk.Window(default_width=1280, default_height=900)
    window.add(view)
    window.show_all()
    view.connect("close", lambda _: window.destroy())
    return view


def on_download(_context, download, folder):
    def choose(download, name):
        download.set_destination(GLib.filename_to_uri(os.path.join(folder, name)))
        return True

    download.connect("decide-destination", choose)


main()
