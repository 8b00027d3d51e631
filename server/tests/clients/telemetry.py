"""The official OpenTelemetry SDK sends traces, metrics and logs: `telemetry.py ADDRESS KEY http|grpc`.

The model it calls is a small server of its own that answers as OpenAI's API does; the calls are traced by the
official instrumentation, unchanged.
"""
import json
import logging
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

address, key, protocol = sys.argv[1:4]
os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"

from opentelemetry import metrics, trace  # noqa: E402
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler  # noqa: E402
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor  # noqa: E402
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider  # noqa: E402
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader  # noqa: E402
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View  # noqa: E402
from opentelemetry.sdk.resources import Resource  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: E402

headers = {"authorization": f"Bearer {key}"}
delta = {Counter: AggregationTemporality.DELTA, Histogram: AggregationTemporality.DELTA}
if protocol == "http":
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    common = {"headers": headers, "compression": Compression.Gzip}
    spans = OTLPSpanExporter(endpoint=f"http://{address}/v1/traces", **common)
    points = OTLPMetricExporter(endpoint=f"http://{address}/v1/metrics", preferred_temporality=delta, **common)
    records = OTLPLogExporter(endpoint=f"http://{address}/v1/logs", **common)
else:
    import grpc
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    common = {"endpoint": f"http://{address}", "insecure": True, "headers": tuple(headers.items()),
              "compression": grpc.Compression.Gzip}
    spans, points, records = OTLPSpanExporter(**common), OTLPMetricExporter(**common), OTLPLogExporter(**common)

resource = Resource.create({"service.name": f"shop-{protocol}", "plimsoll.system": "shop",
                            "deployment.environment.name": "production"})
tracing = TracerProvider(resource=resource)
tracing.add_span_processor(BatchSpanProcessor(spans))
trace.set_tracer_provider(tracing)
metering = MeterProvider(
    resource=resource,
    metric_readers=[PeriodicExportingMetricReader(points, export_interval_millis=200)],
    views=[View(instrument_name="wide.duration", aggregation=ExponentialBucketHistogramAggregation())],
)
metrics.set_meter_provider(metering)
logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(BatchLogRecordProcessor(records))
logging.getLogger("shop").addHandler(LoggingHandler(logger_provider=logs))


class Model(BaseHTTPRequestHandler):
    calls = 0

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        Model.calls += 1
        body = json.dumps({
            "id": f"resp-{protocol}-{Model.calls}", "object": "chat.completion", "created": 1700000000,
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "a secret answer"}}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
        }).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()

from openai import OpenAI  # noqa: E402
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor  # noqa: E402

OpenAIInstrumentor().instrument()
client = OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
tracer, meter = trace.get_tracer("shop"), metrics.get_meter("shop")
orders = meter.create_counter("shop.orders")
took, wide = meter.create_histogram("shop.took", unit="s"), meter.create_histogram("wide.duration", unit="s")

for i in range(20):
    with tracer.start_as_current_span("GET /basket", kind=trace.SpanKind.SERVER,
                                      attributes={"http.route": "/basket", "http.response.status_code": 503 if i == 7 else 200}):
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "my secret question"}])
        span = trace.get_current_span()
        span.add_event("gen_ai.evaluation.result", {
            "gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 0.75, "gen_ai.response.id": answer.id})
        with tracer.start_as_current_span("SELECT basket", kind=trace.SpanKind.CLIENT, attributes={"db.system.name": "postgresql"}):
            orders.add(1, {"kind": "basket"})
        took.record(0.1 * (i + 1))
        wide.record(0.1 * (i + 1))
        logging.getLogger("shop").warning("basket %d timed out after %d ms", i, 30 * i)

tracing.shutdown()
metering.shutdown()
logs.shutdown()
print("sent")
