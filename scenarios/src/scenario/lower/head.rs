//! Everything above `steps`: name, promise, users, upstreams, the matrix.

use fake_upstreams::Kind;
use indexmap::IndexMap;

use super::{
    super::{
        grammar,
        model::{
            Actor, CredentialMode, Era, Hints, Need, Pair, Scenario, ServiceCredential, Transport, Upstream, User,
        },
        source::Spanned,
        tree::{Node, Value},
    },
    Lowering,
    names::Cast,
};

const NEEDS: &[(&str, Need)] = &[
    ("clock", Need::Clock),
    ("limits", Need::Limits),
    ("keys", Need::Keys),
    ("routes", Need::Routes),
    ("groups", Need::Groups),
    ("rights", Need::Rights),
    ("cache", Need::Cache),
    ("restart", Need::Restart),
    ("revoke", Need::Revoke),
    ("accounts", Need::Accounts),
    ("session-state", Need::SessionState),
    ("account-state", Need::AccountState),
];

impl Lowering<'_> {
    /// A whole file.
    pub(super) fn scenario(&mut self, root: &Node) -> Option<Scenario> {
        let mut fields = self.map(root, "a scenario")?;
        let id = self.required(&mut fields, "scenario", "a scenario").and_then(|node| self.id(node));
        let title = self.required(&mut fields, "title", "a scenario").and_then(|node| self.text(node, "`title`"));
        let bugs = self.required(&mut fields, "bugs", "a scenario").map(|node| self.bugs(node)).unwrap_or_default();
        let clauses = fields.take("clauses").map(|node| self.clauses(node)).unwrap_or_default();
        let seed_case = fields.take("seed-case").and_then(|node| self.text(node, "`seed-case`")).map(|text| text.value);
        let users = self.required(&mut fields, "users", "a scenario").map(|node| self.users(node)).unwrap_or_default();
        let upstreams =
            self.required(&mut fields, "upstreams", "a scenario").map(|node| self.upstreams(node)).unwrap_or_default();
        self.names_in_users(&users, &upstreams);
        self.names_in_upstreams(&users, &upstreams);
        let groups = fields.take("groups").map(|node| self.groups(node, &upstreams)).unwrap_or_default();
        let revisions = fields.take("revisions").map(|node| self.revisions(node)).unwrap_or_default();
        let eras = fields.take("eras").map(|node| self.eras(node));
        let credentials = fields.take("credentials").map(|node| self.modes(node, &upstreams));
        let needs = fields.take("needs").map(|node| self.spanned_list(node, "need", NEEDS)).unwrap_or_default();
        let limits = fields.take("limits").map(|node| self.limits(node)).unwrap_or_default();
        let seed = fields.take("seed").and_then(|node| self.count(node, "`seed`"));
        let cast = Cast { users: &users, upstreams: &upstreams, groups: &groups };
        let steps =
            self.required(&mut fields, "steps", "a scenario").map(|node| self.steps(node, &cast)).unwrap_or_default();
        self.finish(&fields, "a scenario");
        let scenario = Scenario {
            id: id?,
            title: title?.value,
            bugs,
            clauses,
            seed_case,
            users,
            upstreams,
            groups,
            revisions,
            eras: eras.unwrap_or_else(|| vec![Pair::default()]),
            credentials: credentials.unwrap_or_else(|| vec![CredentialMode::PerUser]),
            needs,
            limits,
            seed,
            steps,
            source: self.source.clone(),
        };
        self.whole(&scenario);
        Some(scenario)
    }

    /// `group/name`, which must be where the file is.
    fn id(&mut self, node: &Node) -> Option<Spanned<String>> {
        let id = self.text(node, "`scenario`")?;
        let path = self.source.path.trim_end_matches(".yaml").trim_end_matches(".yml");
        let place: Vec<&str> = path.rsplit(['/', '\\']).take(2).collect();
        let place: Vec<&str> = place.into_iter().rev().collect();
        let place = place.join("/");
        let well_formed = id.value.split('/').count() == 2
            && id.value.split('/').all(|part| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            });
        if !well_formed {
            self.wrong_help(
                "S020",
                id.span,
                "a scenario is called `group/name`",
                "use lower-case letters, digits and dashes on both sides of one slash",
            );
            return None;
        }
        if id.value != place {
            let help = format!("call it `{place}`, or move the file to {}.yaml", id.value);
            self.wrong_help("S021", id.span, "a scenario is called what its folder and file are called", help);
        }
        Some(id)
    }

    fn bugs(&mut self, node: &Node) -> Vec<Spanned<String>> {
        let bugs = self.texts(node, "a bug class");
        if bugs.is_empty() {
            self.wrong_help(
                "S022",
                node.span,
                "no bug class",
                "name at least one: a scenario that can see no bug proves nothing",
            );
        }
        let known: Vec<&str> = self.registry.bugs.keys().map(String::as_str).collect();
        for bug in &bugs {
            if !known.contains(&bug.value.as_str()) {
                self.unknown("S023", bug, "bug class", &known);
            }
        }
        bugs
    }

    fn clauses(&mut self, node: &Node) -> Vec<Spanned<String>> {
        let clauses = self.texts(node, "a clause");
        let known: Vec<&str> = self.registry.clauses.keys().map(String::as_str).collect();
        for clause in &clauses {
            if !known.contains(&clause.value.as_str()) {
                self.unknown("S024", clause, "clause", &known);
            }
        }
        clauses
    }

    fn users(&mut self, node: &Node) -> IndexMap<String, User> {
        let mut users = IndexMap::new();
        let alone = |span| User {
            clients: IndexMap::from([(Actor::MAIN.to_owned(), "main".to_owned())]),
            unlinked: Vec::new(),
            read_only: Vec::new(),
            scopes: IndexMap::new(),
            servers: None,
            tools: IndexMap::new(),
            era: None,
            span,
        };
        match &node.value {
            Value::List(_) => {
                for name in self.texts(node, "a user") {
                    users.insert(name.value, alone(name.span));
                }
            }
            Value::Map(members) => {
                for (name, node) in members {
                    let user = self.user(node, alone(name.span));
                    users.insert(name.value.clone(), user);
                }
            }
            other => {
                self.wrong("S030", node.span, format!("`users` must be a list or a map, and this is {}", other.name()));
            }
        }
        if users.is_empty() {
            self.wrong_help("S031", node.span, "no user", "name at least one, for example `users: [alice, bob]`");
        }
        for (name, user) in &users {
            let plain =
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if !plain || name == "hub-service" {
                self.wrong_help(
                    "S032",
                    user.span,
                    format!("`{name}` cannot be a user's name"),
                    "use lower-case letters, digits and dashes; `hub-service` is taken",
                );
            }
        }
        users
    }

    fn user(&mut self, node: &Node, alone: User) -> User {
        if node.value == Value::Null {
            return alone;
        }
        let Some(mut fields) = self.map(node, "a user") else { return alone };
        let clients = fields
            .take("clients")
            .and_then(|node| self.map(node, "`clients`").map(|_| node))
            .map(|node| self.clients(node));
        let unlinked = fields.take("unlinked").map(|node| self.texts(node, "an upstream")).unwrap_or_default();
        let read_only = fields.take("read-only").map(|node| self.texts(node, "an upstream")).unwrap_or_default();
        let scopes = fields.take("scopes").map(|node| self.names_by_upstream(node, "`scopes`")).unwrap_or_default();
        let servers = fields.take("servers").map(|node| self.texts(node, "an upstream"));
        let tools = fields.take("tools").map(|node| self.names_by_upstream(node, "`tools`")).unwrap_or_default();
        let eras = Era::ALL.map(|era| (era.to_string(), era));
        let eras: Vec<(&str, Era)> = eras.iter().map(|(name, era)| (name.as_str(), *era)).collect();
        let era = fields.take("era").and_then(|node| self.word(node, "era", &eras));
        self.finish(&fields, "a user");
        let values = |names: Vec<Spanned<String>>| names.into_iter().map(|name| name.value).collect();
        User {
            clients: clients.unwrap_or(alone.clients),
            unlinked: values(unlinked),
            read_only: values(read_only),
            scopes,
            servers: servers.map(values),
            tools,
            era,
            span: alone.span,
        }
    }

    fn clients(&mut self, node: &Node) -> IndexMap<String, String> {
        let Value::Map(members) = &node.value else { return IndexMap::new() };
        let clients =
            members.iter().filter_map(|(name, key)| Some((name.value.clone(), self.text(key, "a key name")?.value)));
        clients.collect()
    }

    fn names_in_users(&mut self, users: &IndexMap<String, User>, upstreams: &IndexMap<String, Upstream>) {
        let known: Vec<&str> = upstreams.keys().map(String::as_str).collect();
        for user in users.values() {
            let servers = user.servers.iter().flatten();
            for name in user
                .unlinked
                .iter()
                .chain(&user.read_only)
                .chain(servers)
                .chain(user.tools.keys())
                .chain(user.scopes.keys())
            {
                if !known.contains(&name.as_str()) {
                    self.unknown("S033", &Spanned::new(name.clone(), user.span), "upstream", &known);
                }
            }
        }
    }

    fn names_in_upstreams(&mut self, users: &IndexMap<String, User>, upstreams: &IndexMap<String, Upstream>) {
        let known: Vec<&str> = users.keys().map(String::as_str).collect();
        for upstream in upstreams.values() {
            for name in upstream.older_for.iter().filter(|name| !known.contains(&name.as_str())) {
                self.unknown("S033", &Spanned::new(name.clone(), upstream.span), "user", &known);
            }
        }
    }

    /// Lists of names by upstream.
    fn names_by_upstream(&mut self, node: &Node, what: &str) -> IndexMap<String, Vec<String>> {
        let Value::Map(members) = &node.value else {
            self.wrong("S030", node.span, format!("{what} must be a map, and this is {}", node.value.name()));
            return IndexMap::new();
        };
        let named = members.iter().map(|(name, node)| {
            (name.value.clone(), self.texts(node, "a name").into_iter().map(|tool| tool.value).collect())
        });
        named.collect()
    }

    fn groups(&mut self, node: &Node, upstreams: &IndexMap<String, Upstream>) -> IndexMap<String, Vec<String>> {
        let Value::Map(members) = &node.value else {
            self.wrong("S034", node.span, format!("`groups` must be a map, and this is {}", node.value.name()));
            return IndexMap::new();
        };
        let known: Vec<&str> = upstreams.keys().map(String::as_str).collect();
        let mut groups = IndexMap::new();
        for (name, node) in members {
            if known.contains(&name.value.as_str()) || name.value == grammar::ALL {
                self.wrong_help("S039", name.span, format!("the route `{}` is taken", name.value), "call it otherwise");
            }
            let named = self.texts(node, "an upstream");
            for upstream in &named {
                if !known.contains(&upstream.value.as_str()) {
                    self.unknown("S046", upstream, "upstream", &known);
                }
            }
            groups.insert(name.value.clone(), named.into_iter().map(|upstream| upstream.value).collect());
        }
        groups
    }

    fn upstreams(&mut self, node: &Node) -> IndexMap<String, Upstream> {
        let mut upstreams = IndexMap::new();
        match &node.value {
            Value::List(_) => {
                for name in self.texts(node, "an upstream") {
                    let kind = self.kind(name.clone());
                    let service_credential = ServiceCredential::Absent;
                    let upstream = Upstream {
                        kind,
                        service_credential,
                        page: None,
                        older_for: Vec::new(),
                        hints: Hints::default(),
                        transport: Transport::default(),
                        span: name.span,
                    };
                    upstreams.insert(name.value, upstream);
                }
            }
            Value::Map(members) => {
                for (name, node) in members {
                    let upstream = self.upstream(name, node);
                    upstreams.insert(name.value.clone(), upstream);
                }
            }
            other => {
                self.wrong(
                    "S034",
                    node.span,
                    format!("`upstreams` must be a list or a map, and this is {}", other.name()),
                );
            }
        }
        if upstreams.is_empty() {
            self.wrong_help("S035", node.span, "no upstream", "name at least one, for example `upstreams: [db]`");
        }
        upstreams
    }

    fn upstream(&mut self, name: &Spanned<String>, node: &Node) -> Upstream {
        let service_credential = ServiceCredential::Absent;
        let mut upstream = Upstream {
            kind: name.value.clone(),
            service_credential,
            page: None,
            older_for: Vec::new(),
            hints: Hints::default(),
            transport: Transport::default(),
            span: name.span,
        };
        let mut kind = name.clone();
        if node.value != Value::Null
            && let Some(mut fields) = self.map(node, "an upstream")
        {
            if let Some(written) = fields.take("kind").and_then(|node| self.text(node, "`kind`")) {
                kind = written;
            }
            let service = fields.take("service-credential").and_then(|node| {
                self.word(
                    node,
                    "service credential",
                    &[("present", ServiceCredential::Present), ("absent", ServiceCredential::Absent)],
                )
            });
            let transport = fields.take("transport").and_then(|node| {
                self.word(node, "transport", &[("http", Transport::Http), ("stdio", Transport::Stdio)])
            });
            upstream.transport = transport.unwrap_or_default();
            let page = fields.take("page").and_then(|node| self.count(node, "`page`"));
            upstream.page = page.and_then(|page| usize::try_from(page).ok()).filter(|page| *page > 0);
            let older_for = fields.take("older-for").map(|node| self.texts(node, "a user")).unwrap_or_default();
            upstream.older_for = older_for.into_iter().map(|user| user.value).collect();
            upstream.hints = fields.take("hints").map(|node| self.hints(node)).unwrap_or_default();
            upstream.service_credential = service.unwrap_or(ServiceCredential::Absent);
            self.finish(&fields, "an upstream");
        }
        Upstream { kind: self.kind(kind), ..upstream }
    }

    fn hints(&mut self, node: &Node) -> Hints {
        let Some(mut fields) = self.map(node, "`hints`") else { return Hints::default() };
        let ttl = fields.take("ttl").and_then(|node| self.time(node, "`ttl`"));
        let scopes = [("public", true), ("private", false)];
        let public = fields.take("scope").and_then(|node| self.word(node, "scope of a cache", &scopes));
        self.finish(&fields, "`hints`");
        Hints { ttl_ms: ttl.and_then(|ttl| i64::try_from(ttl.as_millis()).ok()), public }
    }

    fn kind(&mut self, name: Spanned<String>) -> String {
        let known: Vec<String> =
            Kind::ALL.iter().map(ToString::to_string).chain([Upstream::SERVER.to_owned()]).collect();
        if !known.contains(&name.value) {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            self.unknown("S036", &name, "upstream kind", &known);
        }
        name.value
    }
}
