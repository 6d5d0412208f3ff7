"""Starts the web server of os-ken's REST applications, which os-ken itself no longer does.

For osken-manager both as --user-flags, because the server registers options, and as an application. OFP_VERSION in the
environment, a number of the wire, leaves only that version to the switch.
"""
import os

from os_ken.app import wsgi
from os_ken.base import app_manager
from os_ken.lib import hub
from os_ken.ofproto import ofproto_protocol


class RestServer(app_manager.OSKenApp):
    OFP_VERSIONS = [int(os.environ['OFP_VERSION'])] if 'OFP_VERSION' in os.environ else list(ofproto_protocol._versions)

    def start(self):
        super().start()
        return hub.spawn(wsgi.start_service(app_manager.AppManager.get_instance()))
