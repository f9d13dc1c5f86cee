//! The verbs: one step, and what of it is the same for all.

use super::{
    super::{
        grammar,
        model::{Action, Order, Request, RequestKind, Step},
        source::Spanned,
        tree::{Node, Value},
    },
    Lowering,
    fields::Fields,
    names::Cast,
};

impl Lowering<'_> {
    pub(super) fn steps(&mut self, node: &Node, cast: &Cast<'_>) -> Vec<Step> {
        let Value::List(items) = &node.value else {
            self.wrong("S040", node.span, format!("`steps` must be a list, and this is {}", node.value.name()));
            return Vec::new();
        };
        if items.is_empty() {
            self.wrong("S041", node.span, "no step");
        }
        items.iter().filter_map(|item| self.step(item, cast)).collect()
    }

    fn step(&mut self, node: &Node, cast: &Cast<'_>) -> Option<Step> {
        let mut fields = self.map(node, "a step")?;
        let verbs: Vec<&Spanned<String>> =
            fields.keys().filter(|key| grammar::VERBS.iter().any(|(verb, ..)| *verb == key.value)).collect();
        let verb = match verbs.as_slice() {
            [verb] => verb.value.as_str(),
            [] => {
                let first = fields.keys().next()?;
                let names: Vec<&str> = grammar::VERBS.iter().map(|(verb, ..)| *verb).collect();
                self.unknown("S042", first, "verb", &names);
                return None;
            }
            [_, second, ..] => {
                self.wrong_help("S043", second.span, "a step has one verb", "make two steps of it");
                return None;
            }
        };
        let action = self.action(verb, &mut fields, cast);
        let expect = fields.take("expect").map(|node| self.expectations(node, verb)).unwrap_or_default();
        self.finish(&fields, &format!("`{verb}`"));
        Some(Step { action: action?, expect, span: node.span })
    }

    fn action(&mut self, verb: &str, fields: &mut Fields<'_>, cast: &Cast<'_>) -> Option<Action> {
        match verb {
            "call" => self.call(fields, cast),
            "list" => self.list_of(fields, cast),
            "get" => self.get(fields, cast),
            "read" => self.read(fields, cast),
            "complete" => self.complete(fields, cast),
            "task" => self.task(fields, cast),
            "batch" => self.batch(fields, cast),
            "ping" => self.asked("ping", RequestKind::Ping, fields, cast),
            "initialize" => {
                let offers = fields.take("offers").map(|node| self.texts(node, "a capability"));
                let offers = offers.map(|offers| offers.into_iter().map(|offer| offer.value).collect());
                match self.asked("initialize", RequestKind::Initialize, fields, cast)? {
                    Action::Request(request) => Some(Action::Request(Request { offers, ..request })),
                    other => Some(other),
                }
            }
            "open" => self.open(fields, cast),
            "wait-for" => Some(Action::WaitFor(self.label(fields.take("wait-for")?)?)),
            "answer" => self.answer(fields, cast),
            "restart" => {
                self.word(fields.take("restart")?, "part of a run that can be restarted", &[("target", ())])?;
                Some(Action::Restart)
            }
            "revoke" => {
                let name = self.text(fields.take("revoke")?, "`revoke`")?;
                Some(Action::Revoke(self.actor(&name, cast)?))
            }
            "send" => self.send(fields, cast),
            "await" => Some(Action::Await(self.label(fields.take("await")?)?)),
            "cancel" => Some(Action::Cancel(self.label(fields.take("cancel")?)?)),
            "drop" => Some(Action::Drop(self.label(fields.take("drop")?)?)),
            "release" => {
                let labels = self.texts(fields.take("release")?, "a label");
                let orders = [("given", Order::Given), ("every", Order::Every)];
                let order = fields.take("order").and_then(|node| self.word(node, "order", &orders));
                Some(Action::Release { labels, order: order.unwrap_or(Order::Given) })
            }
            "close" => {
                let upstream = self.route(fields.take("close")?, cast);
                let actor = self.acting(fields, cast);
                Some(Action::Close { actor: actor?, upstream: upstream? })
            }
            "advance-clock" => Some(Action::AdvanceClock(self.time(fields.take("advance-clock")?, "`advance-clock`")?)),
            _ => Some(Action::Census { upstream: self.upstream_name(fields.take("census")?, cast)? }),
        }
    }

    pub(super) fn label(&mut self, node: &Node) -> Option<Spanned<String>> {
        self.text(node, "a label")
    }
}
