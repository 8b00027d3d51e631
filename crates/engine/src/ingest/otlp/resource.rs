//! What a resource says of all that comes from it: environment, service, system, instance.

use std::collections::BTreeMap;

use domain::environment::PRODUCTION;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::attributes::{cut, text};
use crate::ingest::environment_name;

/// Attributes of a resource that become labels of its series: those that tell sources apart and take few
/// values. The others would only repeat what is known.
const LABELS: [&str; 12] = [
    "service.name",
    "service.namespace",
    "service.instance.id",
    "service.version",
    "host.name",
    "k8s.cluster.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "container.name",
    "cloud.region",
    "plimsoll.system",
    "job",
];

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Source {
    pub environment: String,
    pub service: String,
    pub system: Option<String>,
    pub labels: BTreeMap<String, String>,
}

impl Source {
    pub fn of(resource: Option<&Resource>) -> Source {
        let none: &[KeyValue] = &[];
        let attributes = resource.map_or(none, |r| r.attributes.as_slice());
        let environment = text(attributes, &["deployment.environment.name", "deployment.environment"]);
        // A name that cannot name an environment is no reason to lose what came.
        let environment = environment_name(environment.as_deref()).unwrap_or_else(|_| PRODUCTION.into());
        let service = text(attributes, &["service.name"]).unwrap_or_else(|| "unknown".into());
        let mut labels = BTreeMap::new();
        for name in LABELS {
            if let Some(value) = text(attributes, &[name]) {
                labels.insert(name.to_string(), cut(&value, 256).to_string());
            }
        }
        labels.insert("deployment.environment.name".into(), environment.clone());
        Source {
            environment,
            service: cut(&service, 256).to_string(),
            system: text(attributes, &["plimsoll.system"]),
            labels,
        }
    }
}
