// Files beside the page, of which those that get much smaller are packed.

const GZIP = [0x1f, 0x8b];

/** The answer to a request for a file. */
export async function fetched(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path} is missing: ${answer.status}`);
  return answer;
}

/** The bytes of a file, unpacked where they are packed: some servers of files do it before they send them. */
export async function unpacked(path) {
  const bytes = await (await fetched(path)).arrayBuffer();
  const head = new Uint8Array(bytes, 0, Math.min(2, bytes.byteLength));
  if (!GZIP.every((byte, place) => head[place] === byte)) return bytes;
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
