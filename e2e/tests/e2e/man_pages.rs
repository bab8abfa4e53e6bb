//! `deploy/man`: the man pages of both programs, made from their flags. The packages and the release
//! contain them.

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use std::io::Write;
use std::path::PathBuf;

/// What `clap` does not know about a program.
struct Page {
    command: Command,
    /// The other subcommands are in both programs.
    subcommands: &'static str,
    files: &'static str,
    other: &'static str,
}

fn pages() -> [Page; 2] {
    let secondary = Page {
        command: backscroll_secondary::Args::command(),
        subcommands: "",
        files: ".TP\n\\fI/etc/backscroll/secondary.env\\fR\nThe variables of the systemd service.\n\
            .TP\n\\fI/var/log\\fR\nThe log directory, unless another is given.\n",
        other: "backscroll-primary",
    };
    let primary = Page {
        command: backscroll_primary::Args::command(),
        subcommands: ".TP\n\\fBcerts init\\fR, \\fBcerts add\\fR\n\
            Make a private authority, and the certificates of the primary and its secondaries. \
            \\fBcerts \\-\\-help\\fR shows the flags.\n",
        files: ".TP\n\\fI/etc/backscroll/primary.env\\fR\nThe variables of the systemd service.\n",
        other: "backscroll-secondary",
    };
    [secondary, primary]
}

impl Page {
    fn text(&self) -> String {
        let name = self.command.get_name().to_owned();
        let man = Man::new(self.command.clone()).section("8").date("").manual("Backscroll");
        let part = |render: &dyn Fn(&Man, &mut dyn Write) -> std::io::Result<()>| {
            let mut text = Vec::new();
            render(&man, &mut text).unwrap();
            String::from_utf8(text).unwrap()
        };
        let head =
            part(&|man, text| man.render_title(text)) + &part(&|man, text| man.render_name_section(text));
        let options = part(&|man, text| man.render_description_section(text))
            + &part(&|man, text| man.render_options_section(text));
        let (subcommands, files) = (self.subcommands, self.files);
        let [own, other] = [name.as_str(), self.other].map(|name| name.replace('-', "\\-"));
        // The usual synopsis would list every flag, and the usual text about subcommands is laid out
        // for a terminal.
        format!(
            "{head}.SH SYNOPSIS\n\\fB{own}\\fR [\\fIOPTIONS\\fR]\n.br\n\
            \\fB{own}\\fR \\fISUBCOMMAND\\fR\n\
            {options}.SH SUBCOMMANDS\nA subcommand has to come first.\n\
            .TP\n\\fBhealthcheck\\fR [\\fB\\-\\-listen\\fR \\fIADDR\\fR]\n\
            Asks the program that listens at ADDR whether it is ready. The exit status is 0 if it is, \
            and otherwise 1, with the reason on standard error.\n\
            .TP\n\\fBtoken new\\fR \\fB\\-\\-id\\fR \\fINAME\\fR\n\
            Makes a token for \\fB\\-\\-token\\-file\\fR. \\fBtoken new \\-\\-help\\fR shows the flags.\n\
            {subcommands}\
            .SH \"EXIT STATUS\"\n\
            .TP\n0\nIt was told to stop (SIGTERM, SIGINT), and has stopped.\n\
            .TP\n64\nThe configuration is wrong. One line on standard error says what to change.\n\
            .TP\n1\nSomething else, for example a port that is in use. One line says what.\n\
            .SH FILES\n{files}\
            .TP\n\\fI/usr/share/doc/{own}/\\fR\nThe whole documentation.\n\
            .SH \"SEE ALSO\"\n\\fB{other}\\fR(8)\n"
        )
    }
}

#[test]
fn the_man_pages_are_those_of_the_flags() {
    let bless = std::env::var_os("BACKSCROLL_BLESS").is_some();
    for page in pages() {
        let name = page.command.get_name().to_owned();
        let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/man"));
        let path = path.join(format!("{name}.8"));
        if bless {
            std::fs::write(&path, page.text()).unwrap();
        }
        let shipped = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(shipped == page.text(), "deploy/man/{name}.8 is old: run this test with BACKSCROLL_BLESS=1");
    }
}
