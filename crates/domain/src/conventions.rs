//! Names that many programs give their metrics: which layer they belong to, in which unit they are, and
//! whether more of them is better.
//!
//! A sender need say none of it. What a person says of a signal ([`SignalNote`]) stands above all of this.

use serde::{Deserialize, Serialize};

use crate::signal::{Layer, Series};

/// What is known of a metric by its name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known {
    /// As it is called on pages; empty where the name says it well enough.
    pub title: &'static str,
    /// Where the sender gives none.
    pub unit: &'static str,
    pub layer: Layer,
    pub higher_is_better: Option<bool>,
}

const LESS: Option<bool> = Some(false);
const MORE: Option<bool> = Some(true);
const NEITHER: Option<bool> = None;

/// Whole names, or beginnings of names where they end in `*`. The first that fits counts.
const NAMES: [(&str, Known); 63] = {
    use Layer::{Application, Business, Infrastructure, Quality, Users};
    const fn known(title: &'static str, unit: &'static str, layer: Layer, higher_is_better: Option<bool>) -> Known {
        Known { title, unit, layer, higher_is_better }
    }
    [
        // Serving of models: vLLM, Triton, TensorFlow Serving, TorchServe, Text Generation Inference, Ray.
        ("vllm:num_requests_waiting", known("Requests waiting", "{request}", Application, LESS)),
        ("vllm:num_requests_running", known("Requests running", "{request}", Application, NEITHER)),
        ("vllm:kv_cache_usage_perc", known("KV cache used", "1", Infrastructure, LESS)),
        ("vllm:gpu_cache_usage_perc", known("KV cache used", "1", Infrastructure, LESS)),
        ("vllm:time_to_first_token_seconds", known("Time to first token", "s", Application, LESS)),
        ("vllm:time_per_output_token_seconds", known("Time per output token", "s", Application, LESS)),
        ("vllm:e2e_request_latency_seconds", known("Request latency", "s", Application, LESS)),
        ("vllm:request_queue_time_seconds", known("Time in queue", "s", Application, LESS)),
        ("vllm:prompt_tokens", known("Prompt tokens", "{token}", Application, NEITHER)),
        ("vllm:generation_tokens", known("Generated tokens", "{token}", Application, NEITHER)),
        ("vllm:num_preemptions", known("Preemptions", "1", Application, LESS)),
        ("vllm:*", known("", "", Application, NEITHER)),
        ("nv_inference_request_failure", known("Failed inferences", "{request}", Application, LESS)),
        ("nv_inference_pending_request_count", known("Queue length", "{request}", Application, LESS)),
        ("nv_inference_queue_duration_us", known("Time in queue", "us", Application, LESS)),
        ("nv_inference_request_duration_us", known("Inference time", "us", Application, LESS)),
        ("nv_inference_exec_count", known("Batches run", "1", Application, NEITHER)),
        ("nv_model_load_duration_secs", known("Model loading time", "s", Infrastructure, LESS)),
        ("nv_inference_*", known("", "", Application, NEITHER)),
        ("nv_gpu_utilization", known("GPU utilisation", "1", Infrastructure, NEITHER)),
        ("nv_gpu_*", known("", "", Infrastructure, NEITHER)),
        ("tgi_queue_size", known("Queue length", "{request}", Application, LESS)),
        ("tgi_batch_current_size", known("Batch size", "{request}", Application, NEITHER)),
        ("tgi_*", known("", "", Application, NEITHER)),
        ("ray_serve_*", known("", "", Application, NEITHER)),
        // GPUs: NVIDIA's exporter.
        ("DCGM_FI_DEV_GPU_UTIL", known("GPU utilisation", "%", Infrastructure, NEITHER)),
        ("DCGM_FI_DEV_FB_USED", known("GPU memory used", "MiBy", Infrastructure, LESS)),
        ("DCGM_FI_DEV_FB_FREE", known("GPU memory free", "MiBy", Infrastructure, MORE)),
        ("DCGM_FI_DEV_GPU_TEMP", known("GPU temperature", "Cel", Infrastructure, LESS)),
        ("DCGM_FI_DEV_POWER_USAGE", known("GPU power", "W", Infrastructure, NEITHER)),
        ("DCGM_FI_DEV_XID_ERRORS", known("GPU errors", "1", Infrastructure, LESS)),
        ("DCGM_FI_*", known("", "", Infrastructure, NEITHER)),
        // Conventions of OpenTelemetry.
        ("gen_ai.client.token.usage", known("Tokens used", "{token}", Application, NEITHER)),
        ("gen_ai.client.operation.duration", known("Model call latency", "s", Application, LESS)),
        ("gen_ai.server.time_to_first_token", known("Time to first token", "s", Application, LESS)),
        ("gen_ai.server.time_per_output_token", known("Time per output token", "s", Application, LESS)),
        ("gen_ai.server.request.duration", known("Model server latency", "s", Application, LESS)),
        ("gen_ai.evaluation.*", known("", "1", Quality, MORE)),
        ("gen_ai.*", known("", "", Application, NEITHER)),
        ("http.server.request.duration", known("Request latency", "s", Application, LESS)),
        ("http.client.request.duration", known("Outgoing request latency", "s", Application, LESS)),
        ("system.*", known("", "", Infrastructure, NEITHER)),
        ("process.*", known("", "", Infrastructure, NEITHER)),
        ("container.*", known("", "", Infrastructure, NEITHER)),
        ("k8s.*", known("", "", Infrastructure, NEITHER)),
        ("hw.*", known("", "", Infrastructure, NEITHER)),
        ("jvm.*", known("", "", Infrastructure, NEITHER)),
        // Exporters of Prometheus.
        ("node_*", known("", "", Infrastructure, NEITHER)),
        ("process_*", known("", "", Infrastructure, NEITHER)),
        ("go_*", known("", "", Infrastructure, NEITHER)),
        ("python_*", known("", "", Infrastructure, NEITHER)),
        ("container_*", known("", "", Infrastructure, NEITHER)),
        ("kube_*", known("", "", Infrastructure, NEITHER)),
        ("up", known("Target answers", "1", Infrastructure, MORE)),
        ("scrape_*", known("", "", Infrastructure, NEITHER)),
        // Words that people use for their own.
        ("model_load*", known("Model loading time", "s", Infrastructure, LESS)),
        ("queue_*", known("", "", Application, LESS)),
        ("batch_size*", known("Batch size", "1", Application, NEITHER)),
        ("feedback*", known("", "", Users, NEITHER)),
        ("satisfaction*", known("", "1", Users, MORE)),
        ("user*", known("", "", Users, NEITHER)),
        ("revenue*", known("", "", Business, MORE)),
        ("business*", known("", "", Business, NEITHER)),
    ]
};

/// What is known of a metric by its name; suffixes of counters and histograms do not count.
pub fn of(name: &str) -> Option<Known> {
    let stem = ["_bucket", "_count", "_sum", "_total"].iter().find_map(|s| name.strip_suffix(s)).unwrap_or(name);
    NAMES
        .iter()
        .find(|(pattern, _)| match pattern.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => *pattern == stem || *pattern == name,
        })
        .map(|(_, known)| *known)
}

/// The unit that Prometheus' naming conventions put into a metric's name.
pub fn unit_of(name: &str) -> &'static str {
    let stem = ["_total", "_bucket", "_sum"].iter().find_map(|s| name.strip_suffix(s)).unwrap_or(name);
    match stem.rsplit('_').next() {
        Some("seconds") => "s",
        Some("milliseconds") => "ms",
        Some("bytes") => "By",
        Some("ratio") => "1",
        Some("percent") => "%",
        Some("celsius") => "Cel",
        Some("volts") => "V",
        Some("amperes") => "A",
        Some("watts") => "W",
        Some("joules") => "J",
        Some("hertz") => "Hz",
        Some("meters") => "m",
        _ => "",
    }
}

/// A series of a metric that nobody described: unit and layer by the conventions.
pub fn described(name: String, labels: std::collections::BTreeMap<String, String>, unit: &str) -> Series {
    let known = of(&name);
    let by_name = unit_of(&name);
    let unit = match (unit, known) {
        ("", Some(known)) if !known.unit.is_empty() => known.unit,
        ("", _) => by_name,
        (said, _) => said,
    };
    Series {
        unit: unit.to_string(),
        layer: known.map_or(Layer::Application, |k| k.layer),
        higher_is_better: known.and_then(|k| k.higher_is_better),
        name,
        labels,
    }
}

/// What a person says of a signal; stands above what senders and conventions say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SignalNote {
    pub title: Option<String>,
    pub unit: Option<String>,
    pub layer: Option<Layer>,
    /// `Some(None)` cannot be said in JSON by leaving it out: `neither` says it.
    pub better: Option<Better>,
    pub owner: Option<String>,
}

/// A signal as it is understood: by its sender, by the conventions, and by people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalKnown {
    pub name: String,
    /// As PromQL spells it.
    pub spelled: String,
    pub title: String,
    pub unit: String,
    pub layer: Layer,
    pub higher_is_better: Option<bool>,
    pub owner: String,
    pub series: u64,
    /// Somebody said something of it here.
    pub said: bool,
}

/// Which way a signal is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Better {
    Higher,
    Lower,
    Neither,
}

impl SignalNote {
    /// The series as the person sees it.
    pub fn apply(&self, series: &mut Series) {
        if let Some(unit) = &self.unit {
            series.unit.clone_from(unit);
        }
        if let Some(layer) = self.layer {
            series.layer = layer;
        }
        match self.better {
            Some(Better::Higher) => series.higher_is_better = Some(true),
            Some(Better::Lower) => series.higher_is_better = Some(false),
            Some(Better::Neither) => series.higher_is_better = None,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_serving_programs_report_is_known_by_name() {
        let waiting = of("vllm:num_requests_waiting").expect("known");
        assert_eq!((waiting.layer, waiting.higher_is_better), (Layer::Application, Some(false)));
        assert_eq!(of("vllm:time_to_first_token_seconds_bucket").expect("known").title, "Time to first token");
        assert_eq!(of("DCGM_FI_DEV_GPU_TEMP").expect("known").unit, "Cel");
        assert_eq!(of("node_load1").expect("known").layer, Layer::Infrastructure);
        assert!(of("my_own_metric").is_none());
    }

    #[test]
    fn a_unit_stands_in_the_name_unless_somebody_says_it() {
        assert_eq!(unit_of("http_request_duration_seconds_sum"), "s");
        assert_eq!(described("x_bytes_total".into(), Default::default(), "").unit, "By");
        assert_eq!(described("x_bytes_total".into(), Default::default(), "KiBy").unit, "KiBy");
    }

    #[test]
    fn what_a_person_says_stands_above_all() {
        let mut series = described("node_load1".into(), Default::default(), "");
        let note = SignalNote { layer: Some(Layer::Business), better: Some(Better::Lower), ..Default::default() };
        note.apply(&mut series);
        assert_eq!((series.layer, series.higher_is_better), (Layer::Business, Some(false)));
    }
}
