//! The house (DESIGN.md, "How is the crate laid out?"): imports go sideways or down, never up.
//!
//! The checker reads tokens rather than syntax, so that paths in macro calls, in
//! expressions and behind any `cfg` count like those in `use`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod sources;

use std::{collections::BTreeMap, fs, path::Path};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Lowest first. A module may use its own storey and those before it.
const STOREYS: [(&str, &[&str]); 5] = [
    (
        "ground",
        &[
            "clock",
            "scope",
            "secret",
            "secret_file",
            "origin",
            "deadline",
            "excerpt",
            "json_pointer",
            "json_scalar",
            "short_text",
            "single_flight",
            "transport",
            "address",
            "backoff",
            "retry_after",
        ],
    ),
    ("vocab", &["token", "challenge", "grpc", "jwt"]),
    ("middle", &["keys", "oauth"]),
    ("top", &["client", "server"]),
    ("roof", &["axum", "https", "login", "relay", "test_util"]),
];

/// Neighbours of one storey that must stay strangers.
const STRANGERS: [(&str, &str); 2] = [("client", "server"), ("server", "client")];

/// Stands on the public modules alone, as an application would.
const OUTSIDER: &str = "login";

/// Named in these places and nowhere else.
const CRYPTO_PLACES: [&str; 2] = ["src/jwt/signature/", "src/login/crypto.rs"];
const CRYPTO: [&str; 15] = [
    "aws_lc_rs",
    "aws_lc_sys",
    "ring",
    "openssl",
    "rsa",
    "hmac",
    "sha1",
    "sha2",
    "ecdsa",
    "p256",
    "p384",
    "p521",
    "ed25519_dalek",
    "chacha20poly1305",
    "getrandom",
];

#[test]
fn imports_never_go_upward() {
    let files = sources::all();
    assert!(files.len() > 5, "the sources were not found");
    let found = violations(&files);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// Systems with habits of their own have examples; the library has settings.
#[test]
fn no_system_is_named_in_the_library() {
    const SYSTEMS: [&str; 4] = ["morelogin", "fastapi", "cloudreve", "mluvii"];
    for (name, source) in sources::all() {
        for (at, line) in source.to_lowercase().lines().enumerate() {
            let is_named = SYSTEMS.iter().any(|system| line.contains(system));
            let is_link = line.trim_start().starts_with("//") && line.contains("examples/");
            assert!(!is_named || is_link, "{name}:{}: {line}", at + 1);
        }
    }
}

fn violations(files: &[(String, String)]) -> Vec<String> {
    let lib = files.iter().find(|(name, _)| name == "src/lib.rs");
    let lib = lib.map(|(_, source)| parse(source)).unwrap_or_default();
    let (map, private) = (re_exports(&lib), private_modules(&lib));
    files
        .iter()
        .flat_map(|(name, source)| {
            let tokens = parse(source);
            let found = if name == "src/lib.rs" {
                more_than_a_map(&tokens)
            } else {
                in_file(name, tokens, &map, &private)
            };
            found
                .into_iter()
                .map(move |(line, what)| format!("{name}:{line}: {what}"))
        })
        .collect()
}

type Found = Vec<(usize, String)>;

fn parse(source: &str) -> Vec<TokenTree> {
    let stream: TokenStream = source.parse().expect("the compiler reads it, so do we");
    stream.into_iter().collect()
}

fn in_file(
    name: &str,
    tokens: Vec<TokenTree>,
    map: &BTreeMap<String, String>,
    private: &[String],
) -> Found {
    let module = module_path(name);
    let from = module[0].clone();
    let Some(storey) = storey(&from) else {
        return vec![(1, format!("`{from}` stands in no storey"))];
    };
    let mut walk = Walk::default();
    walk.through(&tokens, &module);

    let mut found = Found::new();
    for (line, path) in walk.paths {
        if let Err(what) = allowed(&from, storey, &path, map) {
            found.push((line, what));
        } else if from == OUTSIDER && path.first().is_some_and(|it| private.contains(it)) {
            let what = format!("`{from}` uses the public API alone: `{}`", path.join("::"));
            found.push((line, what));
        }
    }
    if !CRYPTO_PLACES.iter().any(|place| name.starts_with(place)) {
        for (line, krate) in walk.crypto {
            let places = CRYPTO_PLACES.join(" and ");
            found.push((line, format!("names `{krate}` outside {places}")));
        }
    }
    found
}

/// `src/jwt/signature/mod.rs` → `["jwt", "signature"]`.
fn module_path(name: &str) -> Vec<String> {
    let path = name.trim_start_matches("src/").trim_end_matches(".rs");
    let mut parts: Vec<_> = path.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

fn storey(module: &str) -> Option<usize> {
    STOREYS
        .iter()
        .position(|(_, modules)| modules.contains(&module))
}

/// Whether `from` may name `path`, a path from the crate's root.
fn allowed(
    from: &str,
    mine: usize,
    path: &[String],
    map: &BTreeMap<String, String>,
) -> Result<(), String> {
    let Some(first) = path.first().filter(|first| *first != "*") else {
        return Err("takes in the crate's root as a whole, which hides what it imports".into());
    };
    let to = map.get(first).unwrap_or(first);
    if to == LIB {
        return Ok(());
    }
    let Some(theirs) = storey(to) else {
        return Err(format!("imports `{to}`, which stands in no storey"));
    };
    if theirs > mine {
        let (mine, theirs) = (STOREYS[mine].0, STOREYS[theirs].0);
        return Err(format!(
            "`{from}` ({mine}) imports upward: `{}` ({theirs})",
            path.join("::")
        ));
    }
    if STRANGERS.contains(&(from, to)) {
        return Err(format!(
            "`{from}` and `{to}` never import each other: `{}`",
            path.join("::")
        ));
    }
    Ok(())
}

/// Stands for what lib.rs itself declares: at the disposal of all.
const LIB: &str = "lib";

/// What lib.rs offers under another path: name → module it comes from.
fn re_exports(tokens: &[TokenTree]) -> BTreeMap<String, String> {
    let mut map = BTreeMap::new();
    for (at, token) in tokens.iter().enumerate() {
        if is_ident(token, "use") {
            let mut leaves = Vec::new();
            follow(tokens, at + 1, Vec::new(), &mut leaves);
            for Leaf { path, alias } in leaves {
                let (Some(first), Some(last)) = (path.first(), path.last()) else {
                    continue;
                };
                map.insert(alias.unwrap_or_else(|| last.clone()), first.clone());
            }
        } else if is_ident(token, "type")
            && let Some(TokenTree::Ident(name)) = tokens.get(at + 1)
        {
            map.insert(name.to_string(), LIB.to_owned());
        }
    }
    map
}

/// The modules that lib.rs keeps to the crate.
fn private_modules(tokens: &[TokenTree]) -> Vec<String> {
    let declares = |at: usize| is_ident(&tokens[at], "mod");
    let is_public = |at: usize| at > 0 && is_ident(&tokens[at - 1], "pub");
    let names = (0..tokens.len()).filter(|at| declares(*at) && !is_public(*at));
    let names = names.filter_map(|at| tokens.get(at + 1));
    names.map(ToString::to_string).collect()
}

/// lib.rs is exempt from the storeys because it holds nothing: declarations,
/// re-exports, aliases.
fn more_than_a_map(tokens: &[TokenTree]) -> Found {
    const CODE: [&str; 12] = [
        "fn",
        "struct",
        "enum",
        "union",
        "trait",
        "impl",
        "const",
        "static",
        "macro_rules",
        "extern",
        "async",
        "unsafe",
    ];
    let mut found = Found::new();
    for (at, token) in tokens.iter().enumerate() {
        let word = token.to_string();
        if CODE.contains(&word.as_str()) {
            found.push((
                line(token),
                format!("lib.rs is a map, not a place: `{word}`"),
            ));
        }
        if inline_module(tokens, at).is_some() {
            found.push((line(token), "lib.rs is a map: a module with a body".into()));
        }
        if word == "*" {
            found.push((line(token), "re-exports name by name, not `*`".into()));
        }
    }
    found
}

#[derive(Default)]
struct Walk {
    /// Paths from the crate's root that are named in the file, with their line.
    paths: Vec<(usize, Vec<String>)>,
    crypto: Vec<(usize, String)>,
}

impl Walk {
    fn through(&mut self, tokens: &[TokenTree], module: &[String]) {
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            if let Some((name, body)) = inline_module(tokens, at) {
                self.through(&body, &[module, &[name]].concat());
                at += 3;
                continue;
            }
            match token {
                TokenTree::Group(group) => self.through(&trees(group.stream()), module),
                TokenTree::Ident(_) if starts_path(tokens, at) => {
                    let mut leaves = Vec::new();
                    let end = follow(tokens, at, module.to_vec(), &mut leaves);
                    let line = line(token);
                    self.paths
                        .extend(leaves.into_iter().map(|leaf| (line, leaf.path)));
                    at = end;
                    continue;
                }
                TokenTree::Ident(_) if names_crypto(tokens, at) => {
                    self.crypto.push((line(token), token.to_string()));
                }
                _ => {}
            }
            at += 1;
        }
    }
}

/// One name at the end of a path or of a branch of a `use` tree.
struct Leaf {
    path: Vec<String>,
    alias: Option<String>,
}

/// Follows a path, or each branch of a `use` tree, from `at` on, and returns where
/// it ended.
fn follow(
    tokens: &[TokenTree],
    mut at: usize,
    mut path: Vec<String>,
    leaves: &mut Vec<Leaf>,
) -> usize {
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(ident)) => match ident.to_string().as_str() {
                "crate" => path.clear(),
                "super" => drop(path.pop()),
                "self" => {}
                name => path.push(name.trim_start_matches("r#").to_owned()),
            },
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let branches = trees(group.stream());
                for branch in branches.split(|token| is_punct(Some(token), ',')) {
                    if !branch.is_empty() {
                        follow(branch, 0, path.clone(), leaves);
                    }
                }
                return at + 1;
            }
            Some(token) if is_punct(Some(token), '*') => {
                path.push("*".into());
                leaves.push(Leaf { path, alias: None });
                return at + 1;
            }
            _ => {
                leaves.push(Leaf { path, alias: None });
                return at;
            }
        }
        at += 1;
        if !double_colon(tokens, at) {
            let renamed = tokens.get(at).is_some_and(|token| is_ident(token, "as"));
            let alias = tokens.get(at + 1).filter(|_| renamed);
            leaves.push(Leaf {
                path,
                alias: alias.map(ToString::to_string),
            });
            return at;
        }
        at += 2;
    }
}

/// `crate::…`, `super::…`, `self::…`, or one of them renamed (`use crate as c`).
/// `pub(crate)`, `self.x` and `&self` are none of these.
fn starts_path(tokens: &[TokenTree], at: usize) -> bool {
    let root = ["crate", "super", "self"]
        .iter()
        .any(|word| is_ident(&tokens[at], word));
    let renamed = tokens.get(at + 1).is_some_and(|next| is_ident(next, "as"));
    root && (double_colon(tokens, at + 1)
        || (renamed && at > 0 && is_ident(&tokens[at - 1], "use")))
}

/// A crypto crate as the first name of a path, or imported whole.
fn names_crypto(tokens: &[TokenTree], at: usize) -> bool {
    let before = |steps: usize| at.checked_sub(steps).and_then(|index| tokens.get(index));
    let imports = |token: Option<&TokenTree>| {
        token.is_some_and(|token| is_ident(token, "use") || is_ident(token, "crate"))
    };
    let continues = at > 2
        && double_colon(tokens, at - 2)
        && matches!(before(3), Some(TokenTree::Ident(_)))
        && !imports(before(3));
    CRYPTO.contains(&tokens[at].to_string().as_str())
        && (imports(before(1)) || double_colon(tokens, at + 1))
        && !continues
}

fn inline_module(tokens: &[TokenTree], at: usize) -> Option<(String, Vec<TokenTree>)> {
    match tokens.get(at..at + 3)? {
        [word, TokenTree::Ident(name), TokenTree::Group(body)] if is_ident(word, "mod") => {
            Some((name.to_string(), trees(body.stream())))
        }
        _ => None,
    }
}

fn trees(stream: TokenStream) -> Vec<TokenTree> {
    stream.into_iter().collect()
}

fn line(token: &TokenTree) -> usize {
    token.span().start().line
}

fn is_ident(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

fn is_punct(token: Option<&TokenTree>, character: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == character)
}

fn double_colon(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')
}

/// What the checker says of one planted file, beside a lib.rs that re-exports a little.
fn planted(name: &str, source: &str) -> Vec<String> {
    let lib = "pub mod clock; mod excerpt; #[cfg(feature = \"client\")] pub use client::{AuthLayer as Layer, layer::Auth};
               pub use scope::ScopeSet; pub type BoxError = ();";
    violations(&[
        ("src/lib.rs".into(), lib.into()),
        (name.into(), source.into()),
    ])
}

#[test]
fn each_way_of_importing_upward_is_found() {
    let rows = [
        ("use", "use crate::client::AuthLayer;"),
        ("pub use", "pub use crate::client::AuthLayer;"),
        ("pub(crate) use", "pub(crate) use crate::client::AuthLayer;"),
        ("a renamed import", "use crate::client as below;"),
        ("a group", "use crate::{clock::Clock, client::AuthLayer};"),
        (
            "a nested group",
            "use crate::{clock::{Clock, SystemClock}, client::{layer::{A}}};",
        ),
        ("a group of paths", "use {std::fmt, crate::client};"),
        ("super of the root", "use super::client::AuthLayer;"),
        ("self, then super", "use self::super::client::AuthLayer;"),
        (
            "super in an inline module",
            "mod tests { use super::super::client::AuthLayer; }",
        ),
        (
            "behind a cfg",
            "#[cfg(feature = \"client\")] use crate::client::AuthLayer;",
        ),
        ("in a function", "fn f() { use crate::client::AuthLayer; }"),
        (
            "in an expression",
            "fn f() { let x = crate::client::AuthLayer::new(); }",
        ),
        ("in a type", "struct S(Vec<crate::client::AuthLayer>);"),
        (
            "in generics of a path",
            "fn f() { g::<crate::client::AuthLayer>() }",
        ),
        (
            "in a macro call",
            "pin_project! { struct S { a: crate::client::AuthLayer } }",
        ),
        (
            "from a macro",
            "macro_rules! m { () => { $crate::client::f() } }",
        ),
        (
            "in an attribute",
            "#[derive(crate::client::Derive)] struct S;",
        ),
        ("a visibility", "pub(in crate::client) fn f() {}"),
        ("a name that lib.rs re-exports", "use crate::Auth;"),
        ("a name that lib.rs renames", "use crate::Layer;"),
        ("the whole root", "use crate::*;"),
        ("the whole root by super", "use super::*;"),
        ("the root renamed", "use crate as root;"),
        ("the root renamed in a group", "use crate::{self as root};"),
        ("a module of no storey", "use crate::util::helper;"),
    ];
    for (row, source) in rows {
        let found = planted("src/secret.rs", source);
        assert!(!found.is_empty(), "{row}: {source}");
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    let rows = [
        (
            "src/client/layer.rs",
            "use crate::{oauth::Grant, jwt::mint, clock};",
        ),
        (
            "src/client/layer.rs",
            "use super::{service::Auth, super::token::AccessToken};",
        ),
        (
            "src/jwt/mod.rs",
            "mod signature; use self::header::Header; pub use signature::Key;",
        ),
        (
            "src/jwt/header.rs",
            "mod tests { use super::*; use super::super::algorithm::A; }",
        ),
        (
            "src/secret.rs",
            "use crate::{BoxError, ScopeSet}; pub(crate) fn f(self) { self.0 }",
        ),
        (
            "src/secret.rs",
            "//! `crate::client`\nfn f(hmac: u8) { hmac.x(); A::hmac::b() }",
        ),
        (
            "src/oauth/grant/refresh_token.rs",
            "use crate::keys::KeySource;",
        ),
        (
            "src/jwt/signature/aws_lc.rs",
            "use aws_lc_rs::hmac; fn f() { hmac::sign() }",
        ),
        ("src/login/crypto.rs", "use chacha20poly1305::Key;"),
        (
            "src/test_util/server.rs",
            "use crate::{Auth, client, server::{self, Rejection}};",
        ),
    ];
    for (name, source) in rows {
        assert_eq!(planted(name, source), [""; 0], "{name}: {source}");
    }
}

#[test]
fn client_and_server_never_import_each_other() {
    for (name, source) in [
        ("src/client/future.rs", "use crate::server::Rejection;"),
        ("src/server/require.rs", "use crate::{clock, client::Auth};"),
        ("src/server/require.rs", "use super::super::client::Auth;"),
    ] {
        let found = planted(name, source);
        assert!(found[0].contains("never import each other"), "{found:?}");
    }
}

#[test]
fn crypto_is_named_in_its_folder_and_nowhere_else() {
    for source in [
        "use aws_lc_rs::hmac;",
        "use ::aws_lc_rs::hmac;",
        "use aws_lc_rs as crypto;",
        "use {aws_lc_rs::digest, std::fmt};",
        "extern crate aws_lc_rs;",
        "fn f() { ring::digest::digest() }",
        "fn f() { let x = ::sha2::Sha256::new(); }",
    ] {
        for name in [
            "src/jwt/validator.rs",
            "src/client/mod.rs",
            "src/test_util/mod.rs",
            "src/login/sealing.rs",
        ] {
            assert_eq!(planted(name, source).len(), 1, "{name}: {source}");
        }
    }
}

#[test]
fn the_login_uses_the_public_api_alone() {
    for (name, source, expected) in [
        ("src/login/log.rs", "use crate::excerpt::excerpt;", 1),
        (
            "src/login/a/b.rs",
            "fn f() { super::super::super::excerpt::f() }",
            1,
        ),
        (
            "src/login/log.rs",
            "use crate::{clock::Clock, login::log};",
            0,
        ),
        ("src/test_util/mod.rs", "use crate::excerpt::excerpt;", 0),
    ] {
        let found = planted(name, source);
        assert_eq!(found.len(), expected, "{name}: {source}: {found:?}");
    }
}

#[test]
fn a_file_in_no_storey_is_reported() {
    for name in ["src/util.rs", "src/helpers/mod.rs"] {
        let found = planted(name, "");
        assert!(found[0].contains("stands in no storey"), "{found:?}");
    }
}

#[test]
fn lib_declares_and_re_exports_and_does_nothing_else() {
    for source in [
        "pub fn f() {}",
        "mod inline { }",
        "pub struct S;",
        "impl S {}",
        "pub use client::*;",
        "extern crate self as tower_bearer;",
    ] {
        let found = violations(&[("src/lib.rs".into(), source.into())]);
        assert_eq!(found.len(), 1, "{source}: {found:?}");
    }
}

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The part of DESIGN.md under a heading.
fn part<'a>(design: &'a str, heading: &str) -> &'a str {
    let (_, rest) = design.split_once(heading).expect(heading);
    rest.split("\n## ").next().unwrap_or(rest)
}

/// What stands in backticks in a cell of a table.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_storeys_are_those_of_design_md() {
    let design = read("DESIGN.md");
    let written: Vec<_> = part(&design, "\n## The house\n")
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'))
        .map(|line| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            (cells[1], names(cells[2]))
        })
        .collect();
    let checked: Vec<_> = STOREYS
        .iter()
        .rev()
        .map(|(storey, modules)| (*storey, modules.to_vec()))
        .collect();
    assert_eq!(written, checked);
}

#[test]
fn each_dependency_has_its_reason_in_design_md_and_each_reason_its_dependency() {
    let (manifest, design) = (read("Cargo.toml"), read("DESIGN.md"));
    let design = part(&design, "\n## Dependencies\n");
    let (missing, outlived) = compare(&manifest, design);
    assert_eq!(missing, [""; 0], "add a row to the table of DESIGN.md");
    assert_eq!(outlived, [""; 0], "remove the row from DESIGN.md");

    let manifest = "[features]\na = []\n[dependencies]\nb = \"1\"\nc = \"1\"";
    assert_eq!(
        compare(manifest, "| `b` | |\n| `d` | |"),
        (vec!["c"], vec!["d"])
    );
}

/// The dependencies without a row, and the rows without a dependency.
fn compare<'a>(manifest: &'a str, design: &'a str) -> (Vec<&'a str>, Vec<&'a str>) {
    let dependencies = dependencies(manifest);
    let rows: Vec<_> = design
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let without = |names: &[&'a str], others: &[&str]| {
        let mut left = names.to_vec();
        left.retain(|name| !others.contains(name));
        left
    };
    (without(&dependencies, &rows), without(&rows, &dependencies))
}

fn dependencies(manifest: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut in_dependencies = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]");
        } else if in_dependencies && let Some((name, _)) = line.split_once(" = ") {
            found.push(name);
        }
    }
    found
}
