//! System calls that reach beyond a program are refused, those of another machine and of tomorrow are not there.

use nix::libc;

use super::kit::hosts;

#[test]
fn no_namespace_can_be_made_inside() {
    for host in hosts() {
        for flag in [
            libc::CLONE_NEWUSER,
            libc::CLONE_NEWNS,
            libc::CLONE_NEWNET,
            libc::CLONE_NEWPID,
        ] {
            assert_eq!(host.holds(&["unshare", &flag.to_string()]), "EPERM");
            assert_eq!(host.holds(&["clone", &flag.to_string()]), "EPERM");
        }
        assert_eq!(
            host.holds(&["call", &libc::SYS_clone3.to_string()]),
            "ENOSYS"
        );
        host.refuses("unshare -Ur true");
    }
}

#[test]
fn calls_that_reach_beyond_a_program_are_refused() {
    for host in hosts() {
        for call in [
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_pivot_root,
            libc::SYS_open_tree,
            libc::SYS_move_mount,
            libc::SYS_fsopen,
            libc::SYS_mount_setattr,
            libc::SYS_setns,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_userfaultfd,
            libc::SYS_keyctl,
            libc::SYS_add_key,
            libc::SYS_io_uring_setup,
            libc::SYS_init_module,
            libc::SYS_kexec_load,
            libc::SYS_kexec_file_load,
            libc::SYS_adjtimex,
            libc::SYS_clock_settime,
            libc::SYS_request_key,
            libc::SYS_fanotify_init,
            libc::SYS_open_by_handle_at,
        ] {
            assert_eq!(
                host.holds(&["call", &call.to_string()]),
                "EPERM",
                "call {call}"
            );
        }
    }
}

#[test]
fn calls_of_another_machine_and_of_tomorrow_are_not_there() {
    for host in hosts() {
        assert_eq!(host.holds(&["old-abi"]), "ENOSYS");
        for call in [500, 1000, 0x4000_0000 + 39, 0x4000_0000 + libc::SYS_mount] {
            assert_eq!(
                host.holds(&["call", &call.to_string()]),
                "ENOSYS",
                "call {call}"
            );
        }
    }
}

#[test]
fn nothing_is_typed_into_a_terminal_with_any_upper_half_of_the_request() {
    for host in hosts() {
        for high_bits in ["0", "1", "4096"] {
            assert_eq!(host.holds(&["type", high_bits]), "EPERM");
            assert_eq!(host.holds(&["paste", high_bits]), "EPERM");
        }
    }
}

#[test]
fn only_usual_families_of_sockets_are_had() {
    for host in hosts() {
        for family in [
            libc::AF_VSOCK,
            libc::AF_ALG,
            libc::AF_PACKET,
            libc::AF_BLUETOOTH,
        ] {
            assert_eq!(host.holds(&["socket", &family.to_string()]), "EPERM");
        }
        assert!(
            host.hostile(&["socket", &libc::AF_UNIX.to_string()])
                .status
                .success()
        );
        assert!(
            host.hostile(&["socket", &libc::AF_INET.to_string()])
                .status
                .success()
        );
    }
}

#[test]
fn own_child_may_be_traced() {
    for host in hosts() {
        let done = host.hostile(&["trace-child"]);
        assert!(done.status.success(), "{}", super::kit::said(&done));
    }
}

#[test]
fn no_core_is_handed_to_the_machines_handler() {
    for host in hosts() {
        let limit = host.holds(&["core-limit"]);
        assert!(["0", "1"].contains(&limit.as_str()), "{limit}");
    }
}
