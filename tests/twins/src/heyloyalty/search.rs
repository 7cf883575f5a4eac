//! `GET …/members`: filters, order, pages (vendor file 4.2).

use std::cmp::Ordering;

use serde::Serialize;
use serde_json::Value;

use super::model::{Field, FieldKind, FieldValue, Format, Member, Standing};
use super::payload::{Params, Payload, text_of};
use super::render::MemberJson;
use super::reply;
use super::roster::Seat;
use super::state::OnList;
use super::switches::{MemberShape, PerpageOver, Switches};
use super::values;
use crate::reply::Reply;

const PERPAGE_DEFAULT: usize = 50;
const PERPAGE_MAX: usize = 5_000;

#[derive(Serialize)]
struct Page<'a> {
    members: Vec<MemberJson<'a>>,
}

enum Sort {
    /// The order of the roster.
    CreatedAt,
    UpdatedAt,
    Field(u64, Format),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Logic {
    And,
    Or,
}

struct Condition {
    field: u64,
    format: Format,
    op: Op,
    wanted: Vec<String>,
    keeps_case: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Eq,
    Neq,
    Sw,
    Ew,
    Ct,
    Nct,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
    Nin,
    Ina,
    Ie,
    Nie,
}

impl OnList<'_> {
    pub(super) fn search(&mut self, payload: &Payload) -> Result<Reply, Reply> {
        let params = &payload.params;
        let page = positive(params, "page", 1)?;
        let perpage = self.perpage(params)?;
        let descending = match params.get("order").and_then(text_of).as_deref() {
            None | Some("1") => false,
            Some("-1") => true,
            Some(_) => return Err(reply::refused("order must be 1 or -1")),
        };
        let sort = self.sort(params)?;
        let logic = match params.get("logic").and_then(text_of).as_deref() {
            None | Some("and") => Logic::And,
            Some("or") => Logic::Or,
            Some(_) => return Err(reply::refused("logic must be and or or")),
        };
        let conditions = self.conditions(params)?;
        let skip = (page - 1).saturating_mul(perpage);
        let seats = self.hits(&conditions, logic, &sort, descending, skip, perpage);
        Ok(self.page(&seats))
    }

    fn page(&self, seats: &[Seat]) -> Reply {
        if seats.is_empty() && self.switches.no_match_404 {
            return reply::not_found(self.switches);
        }
        let shape = match self.switches.member_list_shape {
            MemberShape::Nested => MemberJson::nested,
            MemberShape::Flat => MemberJson::flat,
        };
        let members = seats.iter().filter_map(|seat| self.list.roster.get(*seat));
        let members = members.map(|member| shape(self.list, member, self.switches));
        Reply::json(200, &Page { members: members.collect() })
    }

    fn perpage(&self, params: &Params) -> Result<usize, Reply> {
        let asked = positive(params, "perpage", PERPAGE_DEFAULT)?;
        match self.switches.perpage_over {
            PerpageOver::Refuse if asked > PERPAGE_MAX => Err(reply::refused("perpage exceeds 5000")),
            PerpageOver::Clamp | PerpageOver::Refuse => Ok(asked.min(PERPAGE_MAX)),
        }
    }

    fn sort(&self, params: &Params) -> Result<Sort, Reply> {
        let name = params.get("orderby").and_then(text_of);
        match name.as_deref() {
            None | Some("created_at") => Ok(Sort::CreatedAt),
            Some("updated_at") => Ok(Sort::UpdatedAt),
            Some(name) => match self.list.field(name) {
                Some(field) => Ok(Sort::Field(field.id, field.format)),
                None => Err(reply::refused(format!("Cannot order by {name}"))),
            },
        }
    }

    fn conditions(&mut self, params: &Params) -> Result<Vec<Condition>, Reply> {
        let filter = match params.get("filter") {
            None => return Ok(Vec::new()),
            Some(Value::Object(filter)) => filter,
            Some(_) => return Err(reply::refused("filter must name fields")),
        };
        let mut conditions = Vec::new();
        for (name, ops) in filter {
            let Some(field) = self.list.field(name) else {
                // Ignored, and so it matches everyone: the harmful reading.
                values::unknown(name, self.switches, self.counters)?;
                continue;
            };
            let Value::Object(ops) = ops else {
                return Err(reply::refused(format!("filter[{name}] must name an operator")));
            };
            for (op, wanted) in ops {
                let condition = Condition::read(field, op, wanted, self.switches);
                conditions.push(condition.map_err(reply::refused)?);
            }
        }
        Ok(conditions)
    }

    fn hits(
        &self,
        conditions: &[Condition],
        logic: Logic,
        sort: &Sort,
        descending: bool,
        skip: usize,
        take: usize,
    ) -> Vec<Seat> {
        let matches = |member: &Member| {
            let visible = match member.standing {
                Standing::Active => true,
                Standing::Unsubscribed => self.switches.search_includes_unsubscribed,
                Standing::Temporary => false,
            };
            let mut met = conditions.iter().map(|condition| condition.is_met(member));
            visible
                && match logic {
                    Logic::And => met.all(|met| met),
                    Logic::Or => conditions.is_empty() || met.any(|met| met),
                }
        };
        let roster = &self.list.roster;
        let in_order: Box<dyn Iterator<Item = (Seat, &Member)>> = match (self.by_email(conditions, logic), descending) {
            (Some(mut seats), _) => {
                if descending {
                    seats.reverse();
                }
                let found = seats.into_iter();
                Box::new(found.filter_map(|seat| Some((seat, roster.get(seat)?))))
            }
            (None, false) => Box::new(roster.iter()),
            (None, true) => Box::new(roster.iter().rev()),
        };
        let found = in_order.filter(|(_, member)| matches(member));
        if let Sort::CreatedAt = sort {
            return found.map(|(seat, _)| seat).skip(skip).take(take).collect();
        }
        let mut found: Vec<_> = found.collect();
        found.sort_by(|(_, a), (_, b)| {
            let order = sort.compare(a, b);
            if descending { order.reverse() } else { order }
        });
        found.into_iter().map(|(seat, _)| seat).skip(skip).take(take).collect()
    }

    /// The candidates of a search that demands certain emails; `None` means everyone.
    fn by_email(&self, conditions: &[Condition], logic: Logic) -> Option<Vec<Seat>> {
        let email = self.list.fixed_id("email")?;
        let narrows = |c: &&Condition| c.field == email && c.op == Op::Eq;
        let condition = conditions.iter().find(narrows)?;
        // An empty value is not in the index.
        if condition.wanted.iter().any(String::is_empty) {
            return None;
        }
        if logic == Logic::Or && conditions.len() > 1 {
            return None;
        }
        let roster = &self.list.roster;
        let found = condition.wanted.iter().flat_map(|email| roster.with_email(email));
        let mut seats: Vec<Seat> = found.collect();
        seats.sort_unstable();
        seats.dedup();
        Some(seats)
    }
}

fn positive(params: &Params, name: &str, default: usize) -> Result<usize, Reply> {
    let Some(raw) = params.get(name) else {
        return Ok(default);
    };
    let number = text_of(raw).and_then(|text| text.parse().ok());
    number.filter(|number| *number > 0).ok_or_else(|| reply::refused(format!("{name} must be a positive integer")))
}

impl Sort {
    fn compare(&self, a: &Member, b: &Member) -> Ordering {
        match self {
            Self::CreatedAt => a.created_at.cmp(&b.created_at),
            Self::UpdatedAt => a.updated_at.cmp(&b.updated_at),
            Self::Field(field, format) => {
                let text = |member: &Member| {
                    let value = member.values.get(field).and_then(FieldValue::text);
                    value.unwrap_or("").to_lowercase()
                };
                compare(*format, &text(a), &text(b))
            }
        }
    }
}

fn compare(format: Format, a: &str, b: &str) -> Ordering {
    match format {
        // The empty text is no number and sorts first.
        Format::Number => a.parse::<i64>().ok().cmp(&b.parse::<i64>().ok()),
        Format::Text
        | Format::Date
        | Format::Boolean
        | Format::Choice
        | Format::Multi
        | Format::Shop
        | Format::Password => a.cmp(b),
    }
}

impl Condition {
    fn read(field: &Field, op: &str, wanted: &Value, switches: &Switches) -> Result<Self, String> {
        let known = Op::parse(op).filter(|op| op.applies_to(field.format));
        let Some(op) = known else {
            return Err(format!("{op} is not an operator of {}", field.name));
        };
        let wanted = match wanted {
            Value::Array(wanted) => wanted.iter().map(text_of).collect::<Option<Vec<_>>>(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => None,
        };
        let Some(mut wanted) = wanted else {
            return Err(format!("filter[{}] needs a list of values", field.name));
        };
        let is_email = field.kind == FieldKind::Fixed && field.name == "email";
        let keeps_case = is_email && switches.email_case_sensitive;
        for text in &mut wanted {
            match (field.format, text.as_str()) {
                (Format::Boolean, "true") => "1".clone_into(text),
                (Format::Boolean, "false") => "0".clone_into(text),
                (Format::Number, number) if number.parse::<i64>().is_err() => {
                    let ignores = matches!(op, Op::Ie | Op::Nie) || number.is_empty();
                    if !ignores {
                        return Err(format!("{number} is not a number"));
                    }
                }
                _ if !keeps_case => *text = text.to_lowercase(),
                _ => {}
            }
        }
        Ok(Self { field: field.id, format: field.format, op, wanted, keeps_case })
    }

    fn is_met(&self, member: &Member) -> bool {
        let value = member.values.get(&self.field);
        let held: Vec<String> = value
            .map(FieldValue::texts)
            .unwrap_or_default()
            .iter()
            .map(|text| if self.keeps_case { text.clone() } else { text.to_lowercase() })
            .collect();
        let one = held.first().map_or("", String::as_str);
        let any = |test: &dyn Fn(&str) -> bool| self.wanted.iter().any(|wanted| test(wanted));
        let ordered =
            |test: fn(Ordering) -> bool| !one.is_empty() && any(&|wanted| test(compare(self.format, one, wanted)));
        match self.op {
            Op::Eq => any(&|wanted| one == wanted),
            Op::Neq => !any(&|wanted| one == wanted),
            Op::Sw => any(&|wanted| one.starts_with(wanted)),
            Op::Ew => any(&|wanted| one.ends_with(wanted)),
            Op::Ct => any(&|wanted| one.contains(wanted)),
            Op::Nct => !any(&|wanted| one.contains(wanted)),
            Op::Gt => ordered(Ordering::is_gt),
            Op::Gte => ordered(Ordering::is_ge),
            Op::Lt => ordered(Ordering::is_lt),
            Op::Lte => ordered(Ordering::is_le),
            Op::In => any(&|wanted| held.iter().any(|id| id == wanted)),
            Op::Nin => !any(&|wanted| held.iter().any(|id| id == wanted)),
            Op::Ina => self.wanted.iter().all(|wanted| held.contains(wanted)),
            Op::Ie => held.is_empty(),
            Op::Nie => !held.is_empty(),
        }
    }
}

impl Op {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "eq" => Self::Eq,
            "neq" => Self::Neq,
            "sw" => Self::Sw,
            "ew" => Self::Ew,
            "ct" => Self::Ct,
            "nct" => Self::Nct,
            "gt" => Self::Gt,
            "gte" => Self::Gte,
            "lt" => Self::Lt,
            "lte" => Self::Lte,
            "in" => Self::In,
            "nin" => Self::Nin,
            "ina" => Self::Ina,
            "ie" => Self::Ie,
            "nie" => Self::Nie,
            _ => return None,
        })
    }

    fn applies_to(self, format: Format) -> bool {
        use Format::{Boolean, Choice, Date, Multi, Number, Password, Shop, Text};
        match self {
            Self::Eq | Self::Neq => {
                matches!(format, Text | Password | Number | Date | Boolean | Choice | Shop)
            }
            Self::Sw | Self::Ew | Self::Ct | Self::Nct => matches!(format, Text | Password),
            Self::Gt | Self::Gte | Self::Lt | Self::Lte => matches!(format, Number | Date),
            Self::In | Self::Nin => matches!(format, Choice | Shop | Multi),
            Self::Ina => matches!(format, Multi),
            Self::Ie | Self::Nie => true,
        }
    }
}
