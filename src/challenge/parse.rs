//! Reads challenges the way RFC 9110 §11.6.1 writes them, and lets be what it can't read.
//!
//! A peer wrote these: nothing here fails, and what is read is bounded.

use std::borrow::Cow;

use super::{Challenge, Details, HeaderMap, WWW_AUTHENTICATE, is_token_character};

const MAX_BYTES: usize = 16 * 1024;
const MAX_CHALLENGES: usize = 16;
const MAX_PARAMETERS: usize = 32;

impl Challenge {
    /// Reads every challenge of every `WWW-Authenticate` line.
    ///
    /// Several challenges may share a line, and commas may stand in quoted strings.
    /// What can't be read is left out.
    ///
    /// # Defaults
    ///
    /// At most 16 KiB, 16 challenges and 32 parameters of each are looked at.
    #[must_use]
    pub fn parse_all(headers: &HeaderMap) -> Vec<Self> {
        let mut challenges = Vec::new();
        let mut left = MAX_BYTES;
        for line in headers.get_all(WWW_AUTHENTICATE) {
            // A line is read whole or not at all: half a value may mean something else.
            let Some(rest) = left.checked_sub(line.len()) else {
                break;
            };
            left = rest;
            let line = String::from_utf8_lossy(line.as_bytes());
            Reader { rest: &line }.challenges(&mut challenges);
        }
        challenges
    }

    fn add(&mut self, name: &str, value: String) {
        // RFC 9110 allows no parameter after a token68, so that it was none:
        // `Bearer realm=, error="invalid_token"` looks like one.
        if let Details::Token68(_) = self.details {
            self.details = Details::Parameters(Vec::new());
        }
        if let Details::Parameters(parameters) = &mut self.details
            && parameters.len() < MAX_PARAMETERS
        {
            parameters.push((Cow::Owned(name.to_owned()), value.into()));
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn challenges(mut self, found: &mut Vec<Challenge>) {
        loop {
            if self.rest.is_empty() {
                return;
            }
            let word = self.take_while(is_token_character);
            if word.is_empty() {
                self.skip();
                continue;
            }
            let spaces = self.take_while(is_space);
            if self.take('=') {
                self.take_while(is_space);
                let value = self.value();
                if let (Some(challenge), Some(value)) = (found.last_mut(), value) {
                    challenge.add(word, value);
                }
                continue;
            }
            if found.len() == MAX_CHALLENGES {
                return;
            }
            let token68 = self.token68().filter(|_| !spaces.is_empty());
            found.push(Challenge {
                scheme: Cow::Owned(word.to_owned()),
                details: match token68 {
                    Some(value) => Details::Token68(value.to_owned()),
                    None => Details::Parameters(Vec::new()),
                },
            });
        }
    }

    /// `token / quoted-string`; of unquoted values also those that are no `token`,
    /// since many servers leave the quotes of a URI out.
    fn value(&mut self) -> Option<String> {
        if self.take('"') {
            return self.quoted();
        }
        let value = self.take_while(|character| !is_space(character) && !",\"".contains(character));
        Some(value.to_owned())
    }

    /// The rest of a quoted string, or `None` where it never ends.
    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut characters = self.rest.chars();
        self.rest = "";
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => value.push(characters.next()?),
                plain => value.push(plain),
            }
        }
        self.rest = characters.as_str();
        Some(value)
    }

    /// RFC 9110 §11.2, only if it is all there is up to the next comma.
    fn token68(&mut self) -> Option<&'a str> {
        let mut ahead = Reader { rest: self.rest };
        let body = ahead.take_while(|character| {
            character.is_ascii_alphanumeric() || "-._~+/".contains(character)
        });
        let padding = ahead.take_while(|character| character == '=');
        let value = self.rest.get(..body.len() + padding.len())?;
        ahead.take_while(is_space);
        let ends = ahead.rest.is_empty() || ahead.rest.starts_with(',');
        if body.is_empty() || !ends {
            return None;
        }
        self.rest = ahead.rest;
        Some(value)
    }

    /// A space, a comma, or what belongs nowhere: a character, or a whole quoted string.
    fn skip(&mut self) {
        if self.take('"') {
            self.quoted();
            return;
        }
        let mut characters = self.rest.chars();
        characters.next();
        self.rest = characters.as_str();
    }

    fn take(&mut self, character: char) -> bool {
        match self.rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest.trim_start_matches(wanted);
        let taken = self.rest.get(..self.rest.len() - rest.len());
        self.rest = rest;
        taken.unwrap_or_default()
    }
}

fn is_space(character: char) -> bool {
    character == ' ' || character == '\t'
}
