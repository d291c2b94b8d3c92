//! The C interface as its users have it: built and installed into a folder, linked to by a C compiler, loaded by Python.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::{env, fs};

/// The folder where the library is installed: once for all tests of this process, and in a folder of its own, as each test may
/// be a process (nextest) and another one's library must not be replaced while a compiler reads it.
static INSTALLED: LazyLock<PathBuf> = LazyLock::new(|| {
    let first = std::thread::current().name().unwrap_or("tests").to_owned();
    let folder = scratch(&format!("installed for {first}").replace([' ', ':'], "-"));
    let script = root().join("docs/packaging/capi");
    let built = Command::new(script).arg(&folder).env("PROFILE", "dev").output().expect("the script runs");
    succeeded(&built, "docs/packaging/capi");
    folder
});

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("capi").join(name);
    fs::create_dir_all(&folder).expect("a folder for this test");
    folder
}

#[track_caller]
fn succeeded(output: &Output, what: &str) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{out}{err}", output.status);
    out.into_owned()
}

/// What pkg-config says of the installed library.
fn pkg_config(flags: &[&str]) -> Vec<String> {
    let output = Command::new("pkg-config")
        .args(flags)
        .arg("usermedia")
        .env("PKG_CONFIG_PATH", INSTALLED.join("lib/pkgconfig"))
        .output()
        .expect("pkg-config is installed (tests/lab/packages build)");
    succeeded(&output, "pkg-config").split_whitespace().map(str::to_owned).collect()
}

/// Compiles a program as a user would, every warning an error.
fn compile(source: &str, name: &str, is_static: bool) -> PathBuf {
    let program = scratch("programs").join(name);
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread", "-o"]).arg(&program);
    compiler.arg(root().join(source)).args(pkg_config(&["--cflags"]));
    if is_static {
        let libs = pkg_config(&["--static", "--libs"]).into_iter();
        // The archive by its name: beside a shared library the linker takes that one.
        compiler.args(libs.map(|flag| if flag == "-lusermedia" { "-l:libusermedia.a".to_owned() } else { flag }));
    } else {
        compiler.args(pkg_config(&["--libs"]));
    }
    succeeded(&compiler.output().expect("a C compiler is installed"), "cc");
    program
}

fn run(program: &Path, arguments: &[&str], folder: &Path) -> Output {
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("LD_LIBRARY_PATH", INSTALLED.join("lib"))
        .env("USERMEDIA_SYNTHETIC", "1")
        .output()
        .expect("the program runs")
}

#[test]
fn the_header_s_promises_hold_in_both_libraries() {
    for (name, is_static) in [("contract-shared", false), ("contract-static", true)] {
        let program = compile("tests/capi/contract.c", name, is_static);
        let said = succeeded(&run(&program, &[], &scratch("programs")), name);
        assert_eq!(said.trim(), format!("usermedia {} keeps its word", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn the_header_declares_what_the_library_exports() {
    let library = INSTALLED.join("lib/libusermedia.so");
    let listed = succeeded(&Command::new("nm").args(["-D", "--defined-only"]).arg(library).output().unwrap(), "nm");
    let exported: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .filter(|name| !name.starts_with('_'))
        .collect();
    let header = fs::read_to_string(root().join("src/capi/usermedia.h")).unwrap();
    let header = without_comments(&header);
    let declared: BTreeSet<&str> = header
        .match_indices("usermedia_")
        .filter_map(|(at, _)| {
            let rest = &header[at..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
            rest[end..].starts_with('(').then_some(&rest[..end])
        })
        .collect();
    assert!(declared.len() > 30, "{declared:?}");
    assert_eq!(exported, declared);
}

fn without_comments(text: &str) -> String {
    let mut parts = text.split("/*");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once("*/").map_or("", |(_, code)| code))
}

#[test]
fn a_cxx_program_may_include_the_header() {
    let source = scratch("cxx").join("include.cc");
    fs::write(&source, "#include <usermedia.h>\nint main() { return usermedia_version() == nullptr; }\n").unwrap();
    let mut compiler = Command::new("c++");
    compiler.args(["-std=c++11", "-Wall", "-Wpedantic", "-Werror", "-fsyntax-only"]);
    compiler.args(pkg_config(&["--cflags"])).arg(source);
    succeeded(&compiler.output().expect("a C++ compiler is installed"), "c++");
}

#[test]
fn the_example_in_c_takes_pictures_and_says_what_went_wrong() {
    let example = fs::read_to_string(root().join("docs/c/capture.c")).unwrap();
    assert!(example.lines().count() <= 60, "an example that is read at a glance");
    let (program, folder) = (compile("docs/c/capture.c", "capture", false), scratch("capture"));
    let said = succeeded(&run(&program, &[r#"{"video": {"width": 640, "height": 480}}"#, "5"], &folder), "capture");
    assert_eq!(said.lines().filter(|line| line.contains("640x480, 614400 bytes")).count(), 5, "{said}");
    let picture = fs::read(folder.join("capture.ppm")).unwrap();
    assert!(picture.starts_with(b"P6 640 480 255\n"));
    assert_eq!(picture.len(), b"P6 640 480 255\n".len() + 640 * 480 * 3);
    let colours: BTreeSet<_> = picture[15..].chunks(3).collect();
    assert!(colours.len() >= 8, "eight bars: {colours:?}");

    let refused = run(&program, &[r#"{"video": {"width": {"min": 100000}}}"#], &folder);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said.starts_with("getUserMedia: OverconstrainedError: "), "{said}");
}

#[test]
fn the_python_module_lends_the_frames_bytes() {
    let module = fs::read_to_string(root().join("docs/python/usermedia.py")).unwrap();
    assert!(module.lines().count() <= 150, "a module that is read in one go");
    let output = python().arg(root().join("tests/capi/check.py")).output().expect("python3 is installed");
    let said = succeeded(&output, "check.py");
    assert!(said.contains("8 of 8"), "{said}");
}

#[test]
fn the_opencv_example_has_the_pictures_in_their_colours() {
    if !python().args(["-c", "import cv2"]).output().expect("python3 is installed").status.success() {
        // `make test` installs it, on Debian.
        eprintln!("SKIPPED: docs/python/opencv.py needs OpenCV's Python module (tests/lab/packages lab)");
        return;
    }
    let folder = scratch("opencv");
    let mut example = python();
    example.arg(root().join("docs/python/opencv.py")).arg("3").current_dir(&folder).env("USERMEDIA_SYNTHETIC", "1");
    succeeded(&example.env_remove("DISPLAY").output().expect("python3 is installed"), "opencv.py");
    // The middle of the bars, in OpenCV's order: blue, green, red. The two darkest of the eight are where it flashes.
    let look = "import cv2; p = cv2.imread('opencv.png'); print(p.shape[:2], \
        *[''.join('1' if v > 127 else '0' for v in p[100, 40 + 80 * bar]) for bar in range(6)])";
    let seen = python().args(["-c", look]).current_dir(&folder).output().expect("python3 is installed");
    let bars = "111 011 110 010 101 001";
    assert_eq!(succeeded(&seen, "a look").trim(), format!("(480, 640) {bars}"));
}

/// Python with the module and the library. Debian's own has Debian's numpy (tests/lab/packages).
fn python() -> Command {
    let python = ["/usr/bin/python3", "python3"].into_iter().find(|name| Path::new(name).exists());
    let mut python = Command::new(python.unwrap_or("python3"));
    python
        .env("PYTHONPATH", root().join("docs/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("USERMEDIA_LIBRARY", INSTALLED.join("lib/libusermedia.so"));
    python
}
