// Files of an exported model: safetensors as typed arrays. See the format's page: a length, JSON, then the data.

const KINDS = { F32: Float32Array, I16: Int16Array, I32: Int32Array, I64: BigInt64Array, U8: Uint8Array };

/** @returns {Record<string, {data: TypedArray, shape: number[]}>} by name. */
export function readTables(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const tables = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [begin, end] = entry.data_offsets;
    // Copied, for an array of two or four bytes a number may not begin just anywhere.
    const data = new KINDS[entry.dtype](buffer.slice(8 + length + begin, 8 + length + end));
    tables[name] = { data, shape: entry.shape };
  }
  return tables;
}
