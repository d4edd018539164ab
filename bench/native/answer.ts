/** Runs a pass of so many tokens for every number that the parent process sends, and says when it is over. */
export function answer(runPass: (tokens: number) => Promise<void>): void {
  process.on('message', async (tokens: number) => {
    await runPass(tokens);
    process.send!({ done: tokens });
  });
  process.send!({ ready: true });
}
