//! How a server is reached: a URL, or a command that is started.

use std::{collections::BTreeMap, env};

use http::{HeaderName, HeaderValue, Uri, header::HOST};

use super::{Command, Credentials, Endpoint, Reached, Secret, file, load::Problems};

/// What of a server says how it is reached, as it is written.
pub(super) struct Written {
    pub(super) url: Option<String>,
    pub(super) identity_headers: file::Switch,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) command: Option<Vec<String>>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) pass_env: Vec<String>,
    pub(super) credential_env: Option<String>,
}

impl Problems {
    pub(super) fn reached(&mut self, place: &str, written: Written, credentials: Credentials) -> Option<Reached> {
        match (&written.url, &written.command) {
            (Some(_), None) => self.endpoint(place, written).map(Reached::Http),
            (None, Some(_)) => self.command(place, written, credentials).map(Reached::Stdio),
            _ => {
                self.add(
                    place,
                    "give either the `url` of a server that runs, or the `command` that starts one, as a list of words",
                );
                None
            }
        }
    }

    fn endpoint(&mut self, place: &str, written: Written) -> Option<Endpoint> {
        if !written.env.is_empty() || !written.pass_env.is_empty() || written.credential_env.is_some() {
            self.add(
                place,
                "`env`, `pass-env` and `credential-env` are for a `command`: a server that runs has its own",
            );
        }
        let mut headers = Vec::new();
        for (header, value) in written.headers {
            match (HeaderName::try_from(&header), HeaderValue::try_from(&value)) {
                (Ok(header), Ok(value)) => headers.push((header, value)),
                _ => self.add(place, format_args!("`{header}` is no header that can be sent")),
            }
        }
        let url = written.url.unwrap_or_default();
        let uri: Option<Uri> = url.parse().ok();
        let uri = uri.filter(|uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")));
        if uri.is_none() {
            self.add(
                place,
                format_args!("`{url}` is no http or https URL; write for example http://127.0.0.1:7001/mcp"),
            );
        }
        let uri = uri?;
        if !headers.iter().any(|(name, _)| name == HOST) {
            headers.extend(host_of(&uri).map(|host| (HOST, host)));
        }
        let path = uri.path_and_query().cloned().map_or_else(Uri::default, Uri::from);
        Some(Endpoint { uri, path, identity_headers: written.identity_headers == file::Switch::On, headers })
    }

    fn command(&mut self, place: &str, written: Written, credentials: Credentials) -> Option<Command> {
        let words = written.command.unwrap_or_default();
        if words.first().is_none_or(String::is_empty) || words.iter().any(|word| word.contains('\0')) {
            self.add(place, "`command` must name a program; write for example [npx, -y, some-server]");
        }
        if !written.headers.is_empty() {
            self.add(place, "`headers` are for a `url`: a command is given `env`");
        }
        let mut environment = BTreeMap::new();
        for (name, value) in written.env {
            if self.is_variable(place, &name) && !value.contains('\0') {
                environment.insert(name, Secret::new(value));
            }
        }
        for name in written.pass_env {
            if !self.is_variable(place, &name) {
                continue;
            }
            match env::var(&name) {
                Ok(value) if !environment.contains_key(&name) => {
                    environment.insert(name, Secret::new(value));
                }
                Ok(_) => self.add(place, format_args!("`{name}` stands in `env` and in `pass-env`; leave one out")),
                Err(_) => self.add(place, format_args!("pass-env: the environment variable `{name}` is not set")),
            }
        }
        let credential = written.credential_env;
        match (&credential, credentials) {
            (None, Credentials::PerUser | Credentials::Shared) => self.add(
                place,
                "a command finds its credential in a variable: name it with `credential-env`, or write `credentials: none`",
            ),
            (Some(_), Credentials::None) => {
                self.add(place, "with `credentials: none` there is nothing that could stand in `credential-env`");
            }
            (Some(name), _) if environment.contains_key(name) => {
                self.add(place, format_args!("`{name}` is the variable of the credential; leave it out of the others"));
            }
            (Some(name), _) => drop(self.is_variable(place, name)),
            (None, Credentials::None) => {}
        }
        Some(Command { words, environment, credential })
    }

    fn is_variable(&mut self, place: &str, name: &str) -> bool {
        let fits = !name.is_empty() && !name.contains(['=', '\0']);
        if !fits {
            self.add(place, format_args!("`{name}` cannot be the name of an environment variable"));
        }
        fits
    }
}

/// What `Host` says of this URL. A client would make it out of the URL again for every request.
fn host_of(uri: &Uri) -> Option<HeaderValue> {
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = uri.host()?;
    let port = uri.port_u16().filter(|port| *port != usual);
    HeaderValue::try_from(port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_its_port_where_it_is_not_the_usual_one() {
        for (url, host) in [
            ("http://example.org/mcp", "example.org"),
            ("http://example.org:80/mcp", "example.org"),
            ("https://example.org:80/mcp", "example.org:80"),
            ("https://somebody@example.org:443/", "example.org"),
            ("http://[::1]:7001/mcp", "[::1]:7001"),
        ] {
            assert_eq!(host_of(&url.parse().unwrap()).unwrap(), host, "{url}");
        }
    }
}
