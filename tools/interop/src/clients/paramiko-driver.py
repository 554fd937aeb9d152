"""Drives paramiko for the tests: reads what to do as JSON, prints what came out as JSON."""

import base64
import json
import os
import signal
import sys
import time

import paramiko
from paramiko import sftp
from paramiko.sftp_attr import SFTPAttributes

CHUNK_BYTES = 256 * 1024


class Steps:
    """What can be asked for. Paths go to the server as they are given: paramiko does not touch them."""

    def __init__(self, client):
        self.client = client
        self.listdir = client.listdir
        self.rename = client.rename
        self.remove = client.remove
        self.mkdir = client.mkdir
        self.rmdir = client.rmdir
        self.chmod = client.chmod
        self.symlink = client.symlink
        self.readlink = client.readlink
        self.posix_rename = client.posix_rename
        self.truncate = client.truncate
        self.normalize = client.normalize

    def stat(self, path):
        return oct(self.client.stat(path).st_mode)

    def lstat(self, path):
        return oct(self.client.lstat(path).st_mode)

    def utime(self, path, seconds):
        self.client.utime(path, (seconds, seconds))

    def hardlink(self, existing, path):
        """An extension that paramiko does not know by itself."""
        self.extended("hardlink@openssh.com", existing, path)

    def extended(self, name, *strings):
        reply, message = self.client._request(sftp.CMD_EXTENDED, name, *[os.fsencode(s) for s in strings])
        return [reply, base64.b64encode(message.get_remainder()).decode()]

    def lsetstat(self, path, mode):
        attributes = SFTPAttributes()
        attributes.st_mode = mode
        self.client._request(sftp.CMD_EXTENDED, "lsetstat@openssh.com", path, attributes)

    def local_symlink(self, target, path):
        """What somebody else on the server's machine does, in the middle of the session."""
        os.symlink(target, path)

    def local_replace(self, path, target):
        """Moves a folder out of the way and puts a link in its place, on the server's machine."""
        os.rename(path, path + ".aside")
        os.symlink(target, path)

    def opened_folder_while(self, path, name, *args):
        """Opens a folder, does something else, and reads the folder then."""
        _, message = self.client._request(sftp.CMD_OPENDIR, path)
        handle = message.get_binary()
        getattr(self, name)(*args)
        _, message = self.client._request(sftp.CMD_READDIR, handle)
        names = []
        for _ in range(message.get_int()):
            names.append(message.get_text())
            message.get_text()
            SFTPAttributes._from_msg(message)
        self.client._request(sftp.CMD_CLOSE, handle)
        return names

    def race(self, folder, path, target, rounds):
        """
        Uses a folder of the server (`path` there, `folder` on its disk) while another process keeps replacing it by a link
        to `target` and back. Returns what could be read, and how often the file could be read and how often not.
        """
        swapper = os.fork()
        if swapper == 0:
            swap_until_killed(folder, target)
        seen, reads = set(), 0
        try:
            for index in range(rounds):
                try:
                    seen.add(self.read_text(f"{path}/secret.txt"))
                    reads += 1
                except OSError:
                    pass
                for attempt in (
                    lambda: seen.update(self.client.listdir(path)),
                    lambda: self.write_text(f"{path}/written-{index}", "x"),
                    lambda: self.client.chmod(f"{path}/secret.txt", 0o600),
                    lambda: self.client.mkdir(f"{path}/made-{index}"),
                    lambda: self.client.rename(f"{path}/written-{index}", f"{path}/renamed-{index}"),
                    lambda: self.hardlink(f"{path}/secret.txt", f"{path}/hard-{index}"),
                    lambda: self.client.remove(f"{path}/renamed-{index}"),
                    lambda: self.client.rmdir(f"{path}/made-{index}"),
                    lambda: self.client.remove(f"{path}/victim.txt"),
                ):
                    try:
                        attempt()
                    except OSError:
                        pass
        finally:
            os.kill(swapper, signal.SIGKILL)
            os.waitpid(swapper, 0)
        return {"seen": sorted(seen), "reads": reads, "misses": rounds - reads}

    def read_text(self, path):
        with self.client.open(path, "r") as file:
            return file.read().decode("utf-8", "replace")

    def write_text(self, path, text, mode="w"):
        with self.client.open(path, mode) as file:
            file.write(text)

    def open_with_mode(self, path, mode):
        """Opens for writing with a mode in the attributes."""
        attributes = SFTPAttributes()
        attributes.st_mode = mode
        self.client._request(sftp.CMD_OPEN, path, sftp.SFTP_FLAG_WRITE | sftp.SFTP_FLAG_CREATE, attributes)

    def upload(self, local, remote, bytes_per_second=0):
        with open(local, "rb") as source, self.client.open(remote, "wb") as target:
            target.set_pipelined(True)
            copy(source, target, bytes_per_second)

    def download(self, remote, local, bytes_per_second=0):
        with self.client.open(remote, "rb") as source, open(local, "wb") as target:
            if bytes_per_second == 0:
                source.prefetch(source.stat().st_size)
            copy(source, target, bytes_per_second)

    def resume_upload(self, local, remote):
        """Appends what is missing, as an application with paramiko would do it."""
        with open(local, "rb") as source, self.client.open(remote, "ab") as target:
            source.seek(target.stat().st_size)
            target.set_pipelined(True)
            copy(source, target, 0)

    def resume_download(self, remote, local):
        with self.client.open(remote, "rb") as source, open(local, "ab") as target:
            source.seek(target.tell())
            source.prefetch(source.stat().st_size)
            copy(source, target, 0)

    def upload_with_time(self, local, remote):
        self.client.put(local, remote)
        seconds = int(os.stat(local).st_mtime)
        self.client.utime(remote, (seconds, seconds))

    def download_with_time(self, remote, local):
        self.client.get(remote, local)
        seconds = self.client.stat(remote).st_mtime
        os.utime(local, (seconds, seconds))


def swap_until_killed(folder, target):
    aside = folder + ".aside"
    while True:
        os.rename(folder, aside)
        os.symlink(target, folder)
        os.unlink(folder)
        os.rename(aside, folder)


def copy(source, target, bytes_per_second):
    started = time.monotonic()
    copied = 0
    while True:
        data = source.read(CHUNK_BYTES)
        if not data:
            return
        target.write(data)
        copied += len(data)
        if bytes_per_second:
            target.flush()
            time.sleep(max(0, copied / bytes_per_second - (time.monotonic() - started)))


def wire_text(argument):
    """Names that are no UTF-8 come as lone surrogates, Python's own way to have them in a text."""
    if isinstance(argument, str) and any("\udc80" <= letter <= "\udcff" for letter in argument):
        return os.fsencode(argument)
    return argument


def main():
    task = json.load(sys.stdin)
    transport = paramiko.Transport((task["host"], task["port"]))
    # The key that connect() compares the server's with is one of these; other types are not asked for.
    transport.get_security_options().key_types = [task["hostKeyType"]]
    host_key = paramiko.Ed25519Key(data=base64.b64decode(task["hostKey"]))
    key = paramiko.Ed25519Key(filename=task["keyFile"]) if "keyFile" in task else None
    outcomes = []
    try:
        transport.connect(hostkey=host_key, username=task["user"], password=task.get("password"), pkey=key)
        steps = Steps(paramiko.SFTPClient.from_transport(transport))
        for name, *arguments in task["steps"]:
            try:
                outcomes.append({"value": getattr(steps, name)(*map(wire_text, arguments))})
            except OSError as error:
                if not task["goOn"]:
                    raise
                outcomes.append({"error": str(error)})
    finally:
        transport.close()
    print(json.dumps(outcomes))


main()
