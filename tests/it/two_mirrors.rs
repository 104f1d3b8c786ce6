//! A mirror of a mirror: what one program serves, another one mirrors.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::support::catalogue::Catalogue;
use crate::support::fake_tcia::path_of;
use crate::support::program::{Ended, Lab, tree};
use crate::support::sound::assert_sound;

const TOKEN: &str = "token of the first mirror";

/// A mirror that is served; the server ends with it.
struct First {
    lab: Lab,
    server: Child,
    address: String,
}

impl First {
    fn serve(catalogue: &Catalogue) -> Self {
        let lab = Lab::new("http://127.0.0.1:1/nbia-api/services/v4");
        catalogue.build(&lab.root());
        let mut command = lab.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut server =
            command.env("TCIA_MIRROR_SERVE_TOKEN", TOKEN).stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(server.stderr.take().unwrap()).lines().map(Result::unwrap);
        let page = said.take(1).next().unwrap();
        let address = page.strip_prefix("status page at ").unwrap().trim_end_matches('/').to_owned();
        Self { lab, server, address }
    }

    fn base_url(&self, dialect: &str) -> String {
        format!("{}{}", self.address, path_of(dialect))
    }
}

impl Drop for First {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

/// Each generation has a way of its own to bring what lets in.
fn run(lab: &Lab, arguments: &[&str], token: &str) -> Ended {
    let mut command = lab.command(arguments);
    command.env("TCIA_MIRROR_TOKEN", token).env("TCIA_MIRROR_API_KEY", token).output().unwrap().into()
}

#[test]
fn a_second_mirror_is_the_same_and_every_digest_agrees() {
    let catalogue = Catalogue::large();
    let first = First::serve(&catalogue);

    for (dialect, has_licences) in [("nbia-v4", true), ("nbia-v2", true), ("bindaas-v3", false)] {
        let second = Lab::new(&first.base_url(dialect));
        run(&second, &["mirror", "--all-collections"], TOKEN).assert_code(0);

        assert!(tree(&second.root()) == catalogue.expected_tree(has_licences), "{dialect}");
        assert_sound(&second.root());
        run(&second, &["verify", "--remote"], TOKEN).assert_code(0);
        // nothing has changed, so nothing is fetched
        let again = run(&second, &["--json", "sync", "--full", "--all-collections"], TOKEN).assert_code(0);
        assert_eq!((&again.summary()["placed"], &again.summary()["parked"]), (&0.into(), &0.into()));
    }
    assert!(tree(&first.lab.root()) == catalogue.expected_tree(true));
}

#[test]
fn a_second_mirror_without_the_token_is_told_what_is_missing() {
    let first = First::serve(&Catalogue::small(1, 1, 500));
    let second = Lab::new(&first.base_url("nbia-v4"));

    let refused = run(&second, &["mirror", "--all-collections"], "token of another").assert_code(1);

    assert!(refused.stderr.contains("401"), "{}", refused.stderr);
    assert!(!refused.stderr.contains(TOKEN) && !refused.stderr.contains("token of another"));
}
