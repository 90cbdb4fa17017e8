export async function showTop(_stack: unknown, _options: unknown): Promise<void> {}
