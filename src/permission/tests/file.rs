//! Policy files: read for each request, and never a yes by mistake.

use super::Desk;
use crate::devices::fixture::Tree;
use crate::permission::{Decision, PermissionPolicy, PolicyFile};

fn path(tree: &Tree, name: &str) -> std::path::PathBuf {
    tree.directory("etc").join(name)
}

fn reason(decision: Decision) -> String {
    let Decision::Denied(denial) = decision else { panic!("{decision:?}") };
    assert!(denial.remedy.is_some() || denial.reason.contains("longer"), "{denial:?}");
    denial.reason
}

#[test]
fn a_change_of_the_file_holds_from_the_next_request_on() {
    let (tree, desk) = (Tree::new(), Desk::new());
    let file = PolicyFile::new(path(&tree, "policy"));
    assert!(reason(file.decide(&desk.all())).contains("there is no policy file"));
    tree.file("etc/policy", "allow any *\n");
    assert_eq!(file.decide(&desk.all()), Decision::Granted);
    tree.file("etc/policy", "allow any *\nallow camera");
    assert!(reason(file.decide(&desk.all())).contains("line 2: an id"));
}

#[test]
fn a_file_that_is_no_file_or_too_long_denies() {
    let (tree, desk) = (Tree::new(), Desk::new());
    assert!(reason(PolicyFile::new(tree.directory("etc")).decide(&desk.all())).contains("cannot be read"));
    let pipe = path(&tree, "pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // Without a writer: reading it would wait for ever.
    assert!(reason(PolicyFile::new(pipe).decide(&desk.all())).contains("no plain file"));
    tree.file("etc/long", &"default allow\n".repeat(20_000));
    assert!(reason(PolicyFile::new(path(&tree, "long")).decide(&desk.all())).contains("longer than"));
}

#[test]
fn only_a_file_that_is_not_there_counts_as_no_policy() {
    let tree = Tree::new();
    assert_eq!(PolicyFile::if_there(path(&tree, "policy")), None);
    assert_eq!(PolicyFile::if_there(path(&tree, "policy").join("below")), None);
    tree.file("etc/policy", "nonsense");
    assert_eq!(PolicyFile::if_there(path(&tree, "policy/below")), None, "a file is no folder");
    assert!(PolicyFile::if_there(path(&tree, "policy")).is_some());
    tree.link("etc/link", "/nowhere/policy");
    let link = PolicyFile::if_there(path(&tree, "link")).expect("somebody wanted a policy");
    assert!(link.rules().unwrap_err().reason.contains("there is no policy file"));
}
