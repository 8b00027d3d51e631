//! What the newest spans of a range say: who calls whom, how often, how fast, how many failed. Read once
//! for all of it.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use domain::event::EventKind;
use domain::signal::{Sample, Series};
use domain::telemetry::{Topology, TopologyEdge, TopologyNode, span};
use domain::traffic::{Calls, HEAT_EDGES, ServiceRow, Traffic, heat_row};
use domain::{Actor, TimeRange, Timestamp};
use statistics::sketch::Sketch;
use store::{Columns, Frame, Read};

use crate::{Engine, Result};

/// Spans that are read: the newest of the range.
const SPANS_MAX: usize = 200_000;
/// Nodes and arrows that are shown.
const MAP_EDGES: usize = 500;
/// Services of a table.
const SERVICES_MAX: usize = 50;
/// Steps of a range, each a column of the heat map, and the newest of them that are held against the rest.
const STEPS: i64 = 60;
const RECENT_STEPS: i64 = 5;
/// Accuracy of quantiles.
const ACCURACY: f64 = 0.01;

impl Engine {
    async fn spans_seen(&self, actor: &Actor, environment: &str, range: TimeRange) -> Result<Spans> {
        let mut spans = Spans::default();
        let Some(stream) = self.telemetry(actor, EventKind::Span, environment).await? else {
            return Ok(spans);
        };
        let columns = Columns::Named(READ.iter().map(|c| (*c).to_string()).collect());
        let read = Read { newest_first: true, ..Read::of(range, columns) }.with_ids();
        let full = |spans: &Spans| spans.seen.len() >= SPANS_MAX;
        self.store
            .scan(
                &stream,
                &read,
                |frame| frame,
                |frame| {
                    spans.add(&frame);
                    if full(&spans) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                },
            )
            .await?;
        Ok(spans)
    }

    /// Who calls whom, learned from the newest spans of a range, and what people declared.
    pub async fn topology(&self, actor: &Actor, environment: &str, range: TimeRange) -> Result<Topology> {
        Ok(self.map_and_traffic(actor, environment, range).await?.0)
    }

    /// What services did in the range.
    pub(crate) async fn traffic(&self, actor: &Actor, environment: &str, range: TimeRange) -> Result<Traffic> {
        let spans = self.spans_seen(actor, environment, range).await?;
        Ok(tokio::task::block_in_place(|| spans.traffic(range)))
    }

    /// The map, and what services did in the range.
    pub(crate) async fn map_and_traffic(
        &self,
        actor: &Actor,
        environment: &str,
        range: TimeRange,
    ) -> Result<(Topology, Traffic)> {
        let spans = self.spans_seen(actor, environment, range).await?;
        let (mut map, traffic) = tokio::task::block_in_place(|| (spans.map(), spans.traffic(range)));
        for declared in self.store.dependencies().await? {
            let known = map.edges.iter_mut().find(|e| e.from == declared.from && e.to == declared.to);
            match known {
                Some(edge) => edge.declared = true,
                None => map.edges.push(TopologyEdge {
                    from: declared.from.clone(),
                    to: declared.to.clone(),
                    declared: true,
                    ..TopologyEdge::default()
                }),
            }
            for (name, kind) in [(&declared.from, "service"), (&declared.to, declared.kind.as_str())] {
                if !map.nodes.iter().any(|n| n.name == *name) {
                    map.nodes.push(TopologyNode { name: name.clone(), kind: kind.into(), ..TopologyNode::default() });
                }
            }
        }
        Ok((map, traffic))
    }
}

/// Adds what signals say of services: how many wait, and what they use. Of several series of a service the
/// highest counts.
pub(crate) fn with_signals(traffic: &mut Traffic, latest: &[(Series, Sample)]) {
    for service in &mut traffic.services {
        let own = || {
            latest.iter().filter(|(series, _)| {
                ["service", "service.name", "service_name", "job"]
                    .iter()
                    .any(|l| series.labels.get(*l).is_some_and(|v| *v == service.name))
            })
        };
        let highest = |fits: &dyn Fn(&str) -> bool| {
            own().filter(|(series, _)| fits(&series.name)).map(|(_, s)| s.value).max_by(f64::total_cmp)
        };
        service.queue = highest(&|name| {
            name.contains("queue_size")
                || name.contains("queue_length")
                || name.contains("queue.length")
                || name.contains("requests_waiting")
                || name.contains("pending_request")
        });
        service.cpu = highest(&|name| name.contains("cpu.utilization") || name.contains("cpu_utilization"));
        service.gpu = highest(&|name| name.contains("gpu.utilization") || name.contains("gpu_utilization"));
    }
}

/// Columns that a [`Seen`] is made of.
const READ: [&str; 8] =
    [span::PARENT, span::SERVICE, span::KIND, span::STATUS, span::PEER, span::MODEL, span::SYSTEM, span::DURATION];

/// A span, as far as it is needed here.
struct Seen {
    at: Timestamp,
    id: u64,
    parent: u64,
    service: u32,
    kind: u8,
    failed: bool,
    peer: u32,
    model: u32,
    system: u32,
    duration: f64,
}

const NOBODY: u32 = u32::MAX;

#[derive(Default)]
struct Spans {
    names: Vec<String>,
    places: HashMap<String, u32>,
    seen: Vec<Seen>,
}

impl Spans {
    fn name(&mut self, text: Option<String>) -> u32 {
        let Some(text) = text else {
            return NOBODY;
        };
        if let Some(place) = self.places.get(&text) {
            return *place;
        }
        self.names.push(text.clone());
        let place = self.names.len() as u32 - 1;
        self.places.insert(text, place);
        place
    }

    fn add(&mut self, frame: &Frame) {
        let hex = |text: &str| u64::from_str_radix(text, 16).unwrap_or(0);
        for row in 0..frame.rows() {
            let word = |column: &str| frame.column(column).and_then(|data| data.text(row));
            let kind = match word(span::KIND).as_deref() {
                Some("server" | "consumer") => 1,
                Some("client" | "producer") => 2,
                _ => 0,
            };
            let seen = Seen {
                at: frame.times[row],
                id: frame.ids.get(row).and_then(|id| id.get(32..)).map_or(0, hex),
                parent: word(span::PARENT).as_deref().map_or(0, hex),
                failed: word(span::STATUS).as_deref() == Some("error"),
                duration: frame.numbers(span::DURATION).map_or(0.0, |d| d[row]),
                kind,
                service: self.name(word(span::SERVICE)),
                peer: self.name(word(span::PEER)),
                model: self.name(word(span::MODEL)),
                system: self.name(word(span::SYSTEM)),
            };
            self.seen.push(seen);
        }
    }

    fn owners(&self) -> HashMap<u64, u32> {
        self.seen.iter().map(|s| (s.id, s.service)).collect()
    }

    /// Whether a call enters a service there: from outside, or from another service.
    fn enters(seen: &Seen, owners: &HashMap<u64, u32>) -> bool {
        seen.kind == 1 || seen.parent == 0 || owners.get(&seen.parent).is_some_and(|o| *o != seen.service)
    }

    fn map(&self) -> Topology {
        let owners = self.owners();
        // Calls that another service answered are known from its side.
        let mut answered: HashSet<u64> = HashSet::new();
        let mut edges: HashMap<(u32, u32), Tally> = HashMap::new();
        let mut nodes: HashMap<u32, (Tally, &'static str)> = HashMap::new();
        for seen in &self.seen {
            if Self::enters(seen, &owners) {
                nodes.entry(seen.service).or_insert_with(|| (Tally::default(), "service")).0.add(seen);
            }
            if let Some(owner) = owners.get(&seen.parent).copied().filter(|o| *o != seen.service) {
                answered.insert(seen.parent);
                edges.entry((owner, seen.service)).or_default().add(seen);
            }
        }
        for seen in &self.seen {
            if seen.model != NOBODY {
                edges.entry((seen.service, seen.model)).or_default().add(seen);
                nodes.entry(seen.model).or_insert_with(|| (Tally::default(), "model")).0.add(seen);
            } else if seen.kind == 2 && seen.peer != NOBODY && !answered.contains(&seen.id) && seen.peer != seen.service
            {
                let kind = kind_of(&self.names[seen.peer as usize]);
                edges.entry((seen.service, seen.peer)).or_default().add(seen);
                nodes.entry(seen.peer).or_insert_with(|| (Tally::default(), kind)).0.add(seen);
            }
        }
        let name = |place: u32| self.names.get(place as usize).cloned().unwrap_or_default();
        let mut edges: Vec<TopologyEdge> = edges
            .into_iter()
            .map(|((from, to), tally)| {
                let Calls { calls, errors, p50_ms, p95_ms } = tally.calls();
                TopologyEdge { from: name(from), to: name(to), calls, errors, p50_ms, p95_ms, declared: false }
            })
            .collect();
        edges.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| (&a.from, &a.to).cmp(&(&b.from, &b.to))));
        edges.truncate(MAP_EDGES);
        let mut nodes: Vec<TopologyNode> = nodes
            .into_iter()
            .map(|(place, (tally, kind))| {
                let Calls { calls, errors, p50_ms, p95_ms } = tally.calls();
                TopologyNode { name: name(place), kind: kind.into(), calls, errors, p50_ms, p95_ms }
            })
            .collect();
        nodes.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.name.cmp(&b.name)));
        nodes.truncate(MAP_EDGES);
        Topology { nodes, edges, spans: self.seen.len() as u64, newest_only: self.seen.len() >= SPANS_MAX }
    }

    /// Steps of the range that holds them, each service's calls in them, and how the newest compare with the
    /// rest.
    fn traffic(&self, range: TimeRange) -> Traffic {
        let (Some(first), Some(last)) = (self.seen.iter().map(|s| s.at).min(), self.seen.iter().map(|s| s.at).max())
        else {
            return Traffic::default();
        };
        // “All data” is as long as the data.
        let from = if range.from == TimeRange::ALL.from { first } else { range.from };
        let to = if range.to == TimeRange::ALL.to { last.plus(1) } else { range.to };
        let step = ((to.0 - from.0) / STEPS).max(1);
        let place = |at: Timestamp| (((at.0 - from.0) / step).clamp(0, STEPS - 1)) as usize;
        let recent = (STEPS - RECENT_STEPS) as usize;
        let owners = self.owners();
        let mut outside = Halves::default();
        let mut heat = vec![vec![0_u32; HEAT_EDGES.len() + 1]; STEPS as usize];
        let mut services: HashMap<u32, (Halves, Vec<Tally>)> = HashMap::new();
        let mut systems: HashMap<u32, (Timestamp, u32)> = HashMap::new();
        for seen in &self.seen {
            let column = place(seen.at);
            if seen.parent == 0 {
                heat[column][heat_row(seen.duration)] += 1;
                outside.add(seen, column >= recent);
            }
            if seen.system != NOBODY {
                let newest = systems.entry(seen.service).or_insert((seen.at, seen.system));
                *newest = (*newest).max((seen.at, seen.system));
            }
            if Self::enters(seen, &owners) && seen.service != NOBODY {
                let new = || (Halves::default(), (0..STEPS).map(|_| Tally::default()).collect());
                let (halves, steps) = services.entry(seen.service).or_insert_with(new);
                halves.add(seen, column >= recent);
                steps[column].add(seen);
            }
        }
        let mut services: Vec<ServiceRow> = services
            .into_iter()
            .map(|(name, (halves, steps))| ServiceRow {
                system: systems.get(&name).map(|(_, s)| self.names[*s as usize].clone()).unwrap_or_default(),
                name: self.names[name as usize].clone(),
                now: halves.now.calls(),
                usual: halves.usual.calls(),
                calls: steps.iter().map(|t| t.calls as f64).collect(),
                p95_ms: steps.iter().map(|t| (t.calls > 0).then(|| t.calls().p95_ms)).collect(),
                queue: None,
                cpu: None,
                gpu: None,
            })
            .collect();
        let all = |s: &ServiceRow| s.now.calls + s.usual.calls;
        services.sort_by(|a, b| all(b).cmp(&all(a)).then_with(|| a.name.cmp(&b.name)));
        services.truncate(SERVICES_MAX);
        Traffic {
            range: Some(TimeRange { from, to }),
            step,
            recent: step * RECENT_STEPS,
            now: outside.now.calls(),
            usual: outside.usual.calls(),
            services,
            heat,
            spans: self.seen.len() as u64,
            since: (self.seen.len() >= SPANS_MAX).then_some(first),
        }
    }
}

/// Calls of the newest part of a range and of the rest.
#[derive(Default)]
struct Halves {
    now: Tally,
    usual: Tally,
}

impl Halves {
    fn add(&mut self, seen: &Seen, recent: bool) {
        if recent { self.now.add(seen) } else { self.usual.add(seen) }
    }
}

struct Tally {
    calls: u64,
    errors: u64,
    took: Sketch,
}

impl Default for Tally {
    fn default() -> Self {
        Tally { calls: 0, errors: 0, took: Sketch::new(ACCURACY) }
    }
}

impl Tally {
    fn add(&mut self, seen: &Seen) {
        self.calls += 1;
        self.errors += u64::from(seen.failed);
        self.took.add(seen.duration);
    }

    fn calls(&self) -> Calls {
        Calls {
            calls: self.calls,
            errors: self.errors,
            p50_ms: self.took.quantile(0.5),
            p95_ms: self.took.quantile(0.95),
        }
    }
}

/// What kind of thing is called, by the names that systems of its kind have.
fn kind_of(peer: &str) -> &'static str {
    const DATABASES: [&str; 14] = [
        "postgres",
        "mysql",
        "mariadb",
        "redis",
        "mongodb",
        "cassandra",
        "elasticsearch",
        "opensearch",
        "sqlite",
        "mssql",
        "oracle",
        "dynamodb",
        "clickhouse",
        "qdrant",
    ];
    const QUEUES: [&str; 8] = ["kafka", "rabbitmq", "nats", "sqs", "pubsub", "pulsar", "servicebus", "activemq"];
    let peer = peer.to_ascii_lowercase();
    if DATABASES.iter().any(|name| peer.contains(name)) {
        "database"
    } else if QUEUES.iter().any(|name| peer.contains(name)) {
        "queue"
    } else {
        "external"
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn seen(spans: &mut Spans, id: u64, parent: u64, service: &str, kind: u8, peer: Option<&str>) {
        let service = spans.name(Some(service.into()));
        let peer = spans.name(peer.map(String::from));
        let (at, duration) = (Timestamp(id as i64), 10.0 * id as f64);
        spans.seen.push(Seen {
            at,
            id,
            parent,
            service,
            kind,
            failed: id == 3,
            peer,
            model: NOBODY,
            system: NOBODY,
            duration,
        });
    }

    #[test]
    fn the_map_knows_who_answered_and_who_lies_outside() {
        let mut spans = Spans::default();
        seen(&mut spans, 1, 0, "shop", 1, None);
        seen(&mut spans, 2, 1, "shop", 2, Some("pay:443"));
        seen(&mut spans, 3, 2, "pay", 1, None);
        seen(&mut spans, 4, 3, "pay", 2, Some("postgresql"));
        let map = spans.map();
        let edges: Vec<(&str, &str, u64)> =
            map.edges.iter().map(|e| (e.from.as_str(), e.to.as_str(), e.errors)).collect();
        assert_eq!(edges, [("pay", "postgresql", 0), ("shop", "pay", 1)]);
        let kinds: BTreeMap<&str, &str> = map.nodes.iter().map(|n| (n.name.as_str(), n.kind.as_str())).collect();
        assert_eq!(kinds, BTreeMap::from([("pay", "service"), ("postgresql", "database"), ("shop", "service")]));
    }

    #[test]
    fn a_call_counts_once_for_each_service_it_enters_and_once_from_outside() {
        let mut spans = Spans::default();
        seen(&mut spans, 1, 0, "shop", 1, None);
        seen(&mut spans, 2, 1, "shop", 2, Some("pay:443"));
        seen(&mut spans, 3, 2, "pay", 1, None);
        seen(&mut spans, 59, 0, "shop", 1, None);
        let found = spans.traffic(TimeRange { from: Timestamp(0), to: Timestamp(60) });
        assert_eq!((found.usual.calls, found.now.calls), (1, 1));
        let of = |name: &str| found.services.iter().find(|s| s.name == name).map(|s| (s.usual.calls, s.now.calls));
        assert_eq!((of("shop"), of("pay")), (Some((1, 1)), Some((1, 0))));
        assert_eq!(found.services.iter().find(|s| s.name == "pay").map(|s| s.usual.errors), Some(1));
        assert_eq!(found.heat.iter().flatten().sum::<u32>(), 2);
    }
}
