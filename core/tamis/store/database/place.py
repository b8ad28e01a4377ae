"""Where the database of a workspace lies, and which disks it cannot live on."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tamis.errors import CurationError

DATABASE_NAME = "tamis.sqlite"
# SQLite's log keeps its index in memory that all readers share, which these cannot do between machines; and their
# locks have lost data. https://sqlite.org/wal.html, section 1; https://sqlite.org/howtocorrupt.html, section 2.1
NETWORK_FILE_SYSTEMS = frozenset(
    [
        "9p",
        "afs",
        "afpfs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "fuse.ceph",
        "fuse.glusterfs",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "panfs",
        "pvfs2",
        "smb2",
        "smb3",
        "smbfs",
        "webdav",
        "wekafs",
    ]
)


def database_file(workspace: Path, folder: Path | None) -> Path:
    """The file of a workspace's database: in it, or, where the settings name a folder for databases, there.

    Raises CurationError for a disk of the network, where decisions could be lost.
    """
    if folder is None:
        path = workspace / DATABASE_NAME
    else:
        # Workspaces of one name must not share a database.
        mark = hashlib.blake2b(str(workspace).encode(), digest_size=4).hexdigest()
        path = folder.expanduser() / f"{workspace.name}-{mark}.sqlite"
    kind = file_system_of(path.parent)
    if kind in NETWORK_FILE_SYSTEMS:
        raise CurationError(
            f"{path.parent} is on a disk of the network ({kind}), where the database could lose decisions. Set "
            "TAMIS_DATABASE_FOLDER to a folder on a disk of this machine; everything else of the workspace may stay, "
            "and a database that is there already is copied."
        )
    return path


def file_system_of(folder: Path) -> str:
    """The kind of the file system that a folder is on, or would be; "" where the system does not say."""
    import psutil  # here, for a command that opens no database does not need it

    resolved = folder.expanduser().resolve()
    mounted = {Path(one.mountpoint): one.fstype for one in psutil.disk_partitions(all=True)}
    return next((mounted[one] for one in (resolved, *resolved.parents) if one in mounted), "")
