"""The second wall: what a process does to itself before it runs a learner's code. Nothing here can be undone by it.

The first wall, bubblewrap, keeps the worker away from the machine; see `sandbox`. This one keeps learners' code away
from the worker, and one question away from the next: each runs as the first process of a pid namespace of its own (so
nothing outlives it), with a user of its own, a new and small /tmp, and a kernel that answers only ordinary calls.
"""

import ctypes
import os
import platform
import resource
import secrets
import struct

NEWNS, NEWPID = 0x00020000, 0x20000000  # clone(2)
NAMESPACES = 0x7E020000  # every CLONE_NEW... flag that clone(2) takes
RDONLY, NOSUID, NODEV, NOEXEC = 1, 2, 4, 8  # mount(2)
COLLAPSE, LARGE_PAGE = 25, 2 << 20  # madvise(2); bytes
SECCOMP, BOUNDING_READ, BOUNDING_DROP = 22, 23, 24  # prctl(2)

PROCESSES, FILES, FILE_BYTES, SCRATCH = 32, 256, 64 << 20, b"size=64m,nr_inodes=4k,mode=1777"

_libc = ctypes.CDLL(None, use_errno=True)


def _call(function: str, *arguments: object) -> None:
    if getattr(_libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def join_pages() -> None:
    """Have the kernel keep our memory in large pages, where it can: a fork copies a table of far fewer of them."""
    with open("/proc/self/maps") as file:
        regions = [line.split() for line in file]
    for places, rights, _, _, inode, *_ in regions:
        start, end = (int(place, 16) for place in places.split("-"))
        if rights == "rw-p" and inode == "0" and end - start >= LARGE_PAGE:
            _libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), COLLAPSE)


def new_pid_namespace() -> None:
    """Make the next fork the first process of a new pid namespace."""
    _call("unshare", NEWPID)


def own_pid_namespace(handle: int) -> None:
    """Make later forks ordinary ones again; handle: an open /proc/self/ns/pid."""
    _call("setns", handle, NEWPID)


def lock(seconds: float, memory: int) -> None:
    """Give up everything that an ordinary computation has no need of: files, rights, system calls, and plenty.

    seconds: of processor time; memory: bytes on top of what the process takes up already.
    """
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # where memory runs out, this process is the first to go
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    os.setsid()  # with a session of its own, and less weight, even a crowd of processes leaves the watch outside and
    os.nice(10)  # other answers most of the processor
    user = fresh_user() if os.geteuid() == 0 else None  # nobody but root can be somebody else
    _files()
    _limits(seconds, size + memory)
    _rights(user)
    _calls()


def fresh_user() -> int:
    """Return a user's number that cannot be guessed: two questions never share one, so neither can starve the other."""
    with open("/proc/self/uid_map") as file:  # a container's root has few numbers to choose from
        start, _, count = map(int, file.read().splitlines()[-1].split())
    return secrets.choice(range(start + count // 4, min(start + count - 2, 1 << 31)))


def _files() -> None:
    """Hide /proc, and cover what can be written to with file systems that are small, empty, and gone with us."""
    _call("unshare", NEWNS)  # bubblewrap's mounts are nobody else's, and so are these
    for path in (b"/tmp", b"/dev/shm"):
        _call("mount", b"tmpfs", path, b"tmpfs", NOSUID | NODEV, SCRATCH)
    _call("mount", b"tmpfs", b"/proc", b"tmpfs", RDONLY | NOSUID | NODEV | NOEXEC, b"size=4k")
    os.chdir("/tmp")


def _limits(seconds: float, memory: int) -> None:
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_NPROC, PROCESSES),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _rights(user: int | None) -> None:
    """Become a user that nobody is, with no capability left. Bubblewrap took care that no program can give any back."""
    capability = 0
    while _libc.prctl(BOUNDING_READ, capability, 0, 0, 0) >= 0:  # kernels differ in how many there are
        _call("prctl", BOUNDING_DROP, capability, 0, 0, 0)
        capability += 1
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    header, nothing = struct.pack("=Ii", 0x20080522, 0), bytes(24)  # capset(2), version 3: two words, three sets
    _call("capset", header, nothing)


# Calls by which a process gets at others, at the kernel's insides, or at memory that no limit counts; (x86-64, arm64).
FORBIDDEN = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "semget": (64, 190),
    "setns": (308, 268),
    "shmget": (29, 194),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
MACHINES = {  # audit's name of the machine; the numbers of clone and socket
    "x86_64": (0, 0xC000003E, 56, 41),
    "aarch64": (1, 0xC00000B7, 220, 198),
}
CLONE3, LAST_KNOWN, UNIX = 435, 462, 1
EPERM, ENOSYS = 1, 38


def _program() -> list[tuple[int, int, int, int]]:
    """Return the filter as (operation, jump if true, jump if false, constant), for seccomp(2)."""
    column, machine, clone, socket = MACHINES[platform.machine()]
    load, equal, at_least, any_bit, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    kill, refuse, allow = 0x80000000, 0x00050000 | EPERM, 0x7FFF0000
    number, architecture, first_argument = 0, 4, 16  # places in struct seccomp_data; both machines are little-endian
    program = [
        (load, 0, 0, architecture),
        (equal, 1, 0, machine),
        (answer, 0, 0, kill),  # 32-bit calls have other numbers
        (load, 0, 0, number),
        (equal, 1, 0, CLONE3),  # its flags lie in memory, out of a filter's sight; the C library then takes clone
        (at_least, 0, 1, LAST_KNOWN + 1),  # newer than this list, or x86-64's second set of numbers
        (answer, 0, 0, 0x00050000 | ENOSYS),
    ]
    for numbers in FORBIDDEN.values():
        program += [(equal, 0, 1, numbers[column]), (answer, 0, 0, refuse)]
    return [
        *program,
        (equal, 0, 4, clone),
        (load, 0, 0, first_argument),
        (any_bit, 0, 1, NAMESPACES),
        (answer, 0, 0, refuse),
        (answer, 0, 0, allow),
        (equal, 0, 4, socket),
        (load, 0, 0, first_argument),
        (equal, 1, 0, UNIX),  # a namespace doesn't part all the others: not AF_VSOCK, the way to a virtual host
        (answer, 0, 0, refuse),
        (answer, 0, 0, allow),
        (answer, 0, 0, allow),
    ]


def _calls() -> None:
    """Install the filter. It is the last thing to do: it forbids most of what was done before."""
    program = _program()
    code = b"".join(struct.pack("=HBBI", *line) for line in program)
    filters = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HxxxxxxP", len(program), ctypes.addressof(filters))
    _call("prctl", SECCOMP, 2, head, 0, 0)
