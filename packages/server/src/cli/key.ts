/** The canonical key of what was typed. The rules of the client load in a moment; what breaks them, the node's own, which load
 *  Yjs, say better. @throws TallymeshError INVALID_NAME */
export async function readKey(typed: string): Promise<string> {
  const client = await import('@tallymesh/client')
  try {
    return client.canonicalKey(typed)
  } catch {
    const { canonicalKey } = await import('@tallymesh/crdt')
    return canonicalKey(typed)
  }
}
