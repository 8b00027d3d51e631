"""pandas and pyarrow send a frame in one request each: `frames.py ADDRESS KEY`."""
import io
import sys

import pandas as pd
import pyarrow as pa
import requests

address, key = sys.argv[1:3]
headers = {"Authorization": f"Bearer {key}"}
df = pd.DataFrame({
    "prediction_id": range(5000), "timestamp": pd.date_range("2026-01-01", periods=5000, freq="min", tz="UTC"),
    "y_pred": [i % 2 for i in range(5000)], "y_pred_proba": [0.25 + (i % 2) / 2 for i in range(5000)],
    "income": [i % 97 / 3 for i in range(5000)], "region": pd.Categorical(["north", "south", None, "east"] * 1250),
})
url = f"http://{address}/api/v1/models/frames"
print(requests.post(f"{url}/predictions", data=df.to_parquet(), headers=headers).json())
sink = io.BytesIO()
table = pa.Table.from_pandas(df, preserve_index=False)
with pa.ipc.new_stream(sink, table.schema) as stream:
    stream.write_table(table, max_chunksize=700)
print(requests.post(f"{url}/predictions", data=sink.getvalue(), headers=headers).json())
print(requests.post(f"{url}/predictions", data=pa.compress(df.to_csv(index=False).encode(), codec="zstd", asbytes=True), headers=headers).json())
