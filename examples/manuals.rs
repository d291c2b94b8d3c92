//! Man pages and shell completions of the command, made from the command itself, and the script that it serves.
//!
//!     cargo run --example manuals -- FOLDER
//!
//! writes `man1/usermedia.1`, a page for each subcommand, `completions/` for bash, fish and zsh, and `usermedia.js`.
//! Packages use it.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use clap_complete::Shell;

fn main() -> io::Result<()> {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("where to? give a folder"));
    };
    let command = usermedia::cli::command();
    let (pages, completions) = (folder.join("man1"), folder.join("completions"));
    fs::create_dir_all(&pages)?;
    fs::create_dir_all(&completions)?;
    clap_mangen::generate_to(command.clone(), &pages)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut command.clone(), "usermedia", &completions)?;
    }
    let script = folder.join("usermedia.js");
    fs::write(&script, usermedia::serve::USERMEDIA_JS)?;
    report(&pages)?;
    report(&completions)?;
    println!("{}", script.display());
    Ok(())
}

fn report(folder: &Path) -> io::Result<()> {
    let mut files: Vec<_> = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    files.iter().for_each(|file| println!("{}", file.path().display()));
    Ok(())
}
