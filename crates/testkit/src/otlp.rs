use std::{collections::BTreeMap, env, path::PathBuf, time::Duration};

use tokio::net::TcpStream;

use crate::{Process, eventually_some, sandbox::reserve_port};

/// A real OpenTelemetry collector (rotel) that shows what it receives. Its
/// program is named by `ROTEL`, which `make test` sets.
pub struct OtlpCollector {
    process: Process,
    port: u16,
}

/// A span as the collector received it. Ids are lowercase hex.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The trace it belongs to.
    pub trace_id: String,
    /// The span.
    pub id: String,
    /// The span it is a part of; empty for the first one of a trace.
    pub parent_id: String,
    /// What happened.
    pub name: String,
    /// `server`, `client`, `internal`, `producer` or `consumer`.
    pub kind: String,
    /// `service.name` of the resource that sent it.
    pub service: String,
    /// Its attributes; numbers as text.
    pub attributes: BTreeMap<String, String>,
    /// Spans of other traces that brought it about.
    pub links: Vec<SpanLink>,
}

/// A span of another trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanLink {
    /// The trace.
    pub trace_id: String,
    /// The span.
    pub span_id: String,
}

impl OtlpCollector {
    /// Starts a collector and waits until it accepts connections.
    pub async fn start() -> Self {
        let program = env::var_os("ROTEL").map(PathBuf::from);
        let program = program.expect("ROTEL is not set: run the tests with `make test`");
        let (port, http_port) = (reserve_port().await, reserve_port().await);
        let arguments = [
            "start",
            "--otlp-grpc-endpoint",
            &format!("127.0.0.1:{port}"),
            "--otlp-http-endpoint",
            &format!("127.0.0.1:{http_port}"),
            "--exporter",
            "blackhole",
            "--debug-log",
            "traces",
            "--debug-log-verbosity",
            "detailed",
        ];
        let mut process = Process::spawn::<&str, &str>(&program, &arguments, []);
        eventually_some(Duration::from_secs(20), async || {
            assert!(process.is_running(), "the collector has ended");
            TcpStream::connect(("127.0.0.1", port)).await.ok()
        })
        .await;
        Self { process, port }
    }

    /// What services take as `OTEL_EXPORTER_OTLP_ENDPOINT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The spans received so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        parse(&self.process.output())
    }

    /// The spans of one trace received so far.
    #[must_use]
    pub fn trace(&self, trace_id: &str) -> Vec<Span> {
        let mut spans = self.spans();
        spans.retain(|span| span.trace_id == trace_id);
        spans
    }
}

/// What a `-> key: value` line belongs to.
enum Section {
    Resource,
    Span,
    Links,
    Other,
}

fn parse(lines: &[String]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut section = Section::Other;
    let mut service = String::new();
    for line in lines {
        let (label, value) = line.split_once(':').unwrap_or((line, ""));
        let (label, value) = (label.trim(), value.trim());
        if let Some(key) = label.strip_prefix("-> ") {
            match section {
                Section::Resource if key == "service.name" => service = bare(value),
                Section::Span => {
                    // Attribute names may hold a colon, types never do.
                    if let (Some((key, value)), Some(span)) = (
                        line.trim_start_matches([' ', '-', '>']).split_once(": "),
                        spans.last_mut(),
                    ) {
                        span.attributes.insert(key.to_owned(), bare(value));
                    }
                }
                Section::Links => {
                    if let Some(span) = spans.last_mut() {
                        add_to_links(span, key, value);
                    }
                }
                _ => {}
            }
            continue;
        }
        match label {
            "Resource attributes" => {
                section = Section::Resource;
                service.clear();
                continue;
            }
            "Attributes" => {
                section = Section::Span;
                continue;
            }
            _ if label.starts_with("Span #") => {
                section = Section::Other;
                spans.push(Span {
                    service: service.clone(),
                    ..Span::default()
                });
                continue;
            }
            "Events" => section = Section::Other,
            "Links" => section = Section::Links,
            _ => {}
        }
        let Some(span) = spans.last_mut() else {
            continue;
        };
        match label {
            "Trace ID" => value.clone_into(&mut span.trace_id),
            "Parent ID" => value.clone_into(&mut span.parent_id),
            "ID" => value.clone_into(&mut span.id),
            "Name" => value.clone_into(&mut span.name),
            "Kind" => span.kind = value.trim_start_matches("SPAN_KIND_").to_lowercase(),
            _ => {}
        }
    }
    spans
}

fn add_to_links(span: &mut Span, key: &str, value: &str) {
    match (key, span.links.last_mut()) {
        ("Trace ID", _) => span.links.push(SpanLink {
            trace_id: value.to_owned(),
            span_id: String::new(),
        }),
        ("ID", Some(link)) => value.clone_into(&mut link.span_id),
        _ => {}
    }
}

/// `Str(auth)` without its type.
fn bare(value: &str) -> String {
    let inner = value.split_once('(').map_or(value, |(_, inner)| inner);
    inner.strip_suffix(')').unwrap_or(inner).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"2026-11-22T21:15:48.354035Z  INFO Starting Rotel. grpc_endpoint="127.0.0.1:0"
ResourceSpans #0
Resource SchemaURL: 
Resource attributes:
     -> service.name: Str(auth)
     -> service.namespace: Str(anufy)
ScopeSpans #0
ScopeSpans SchemaURL: 
InstrumentationScope auth 
Span #0
    Trace ID       : 5b8efff798038103d269b633813fc60c
    Parent ID      : eee19b7ec3c1b173
    ID             : eee19b7ec3c1b174
    Name           : GET /api/users/{id}: it
    Kind           : SPAN_KIND_SERVER
Start time: 1544712660000000000
End time: 1544712661000000000
    Status code    : STATUS_CODE_ERROR
    Status message : bad
Attributes:
     -> url.path: Str(/api/users/(1): x)
     -> http.response.status_code: Int(200)
Events:
SpanEvent #0
     -> Name: ev
     -> Timestamp: 1544712660000000000
     -> Attributes::
          -> url.path: Str(y)
Links:
SpanLink #0
     -> Trace ID: 5b8efff798038103d269b633813fc60d
     -> ID: eee19b7ec3c1b17a
     -> TraceState: 
     -> DroppedAttributesCount: 0
SpanLink #1
     -> Trace ID: 5b8efff798038103d269b633813fc60e
     -> ID: eee19b7ec3c1b17b
     -> TraceState: 
     -> DroppedAttributesCount: 0
Span #1
    Trace ID       : 5b8efff798038103d269b633813fc60c
    Parent ID      : 
    ID             : eee19b7ec3c1b175
    Name           : root
    Kind           : SPAN_KIND_CLIENT
ResourceSpans #0
Resource SchemaURL: 
Resource attributes:
     -> service.name: Str(gateway)
Span #0
    Trace ID       : 00
    Parent ID      : 
    ID             : 01
    Name           : proxy
    Kind           : SPAN_KIND_INTERNAL"#;

    #[test]
    fn what_the_collector_prints_is_read_back() {
        let lines: Vec<String> = PRINTED.lines().map(str::to_owned).collect();
        let spans = parse(&lines);
        assert_eq!(spans.len(), 3);
        assert_eq!(spans[0].trace_id, "5b8efff798038103d269b633813fc60c");
        assert_eq!(spans[0].parent_id, "eee19b7ec3c1b173");
        assert_eq!(spans[0].id, "eee19b7ec3c1b174");
        assert_eq!(spans[0].name, "GET /api/users/{id}: it");
        assert_eq!(spans[0].kind, "server");
        assert_eq!(spans[0].service, "auth");
        assert_eq!(spans[0].attributes["url.path"], "/api/users/(1): x");
        assert_eq!(spans[0].attributes["http.response.status_code"], "200");
        let linked = spans[0].links.iter();
        let linked: Vec<_> = linked.map(|it| (&*it.trace_id, &*it.span_id)).collect();
        assert_eq!(
            linked,
            [
                ("5b8efff798038103d269b633813fc60d", "eee19b7ec3c1b17a"),
                ("5b8efff798038103d269b633813fc60e", "eee19b7ec3c1b17b")
            ]
        );
        assert_eq!(spans[1].parent_id, "");
        assert_eq!(spans[1].attributes, BTreeMap::new());
        assert_eq!(spans[1].links, []);
        assert_eq!(
            (spans[2].service.as_str(), spans[2].name.as_str()),
            ("gateway", "proxy")
        );
    }
}
