/** Resolves once the condition holds. @throws Error after ten seconds, with what it waited for */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineAtMs = performance.now() + 10_000
  while (!(await condition())) {
    if (performance.now() > deadlineAtMs) throw new Error(`waited ten seconds for ${condition}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}
