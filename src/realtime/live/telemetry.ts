/** What the live groups tell operators; telemetry.ts of the process counts and logs it. None of these throws. */
export interface FloorTelemetry {
  /** `outcome`: `granted`, `queued` or a deny cause; `tookMs`: from the message to its answer. */
  talkRequested(event: { readonly outcome: string; readonly tookMs: number }): void;
  talkStarted(event: { readonly groupId: string; readonly talkId: string; readonly userId: string }): void;
  talkEnded(event: {
    readonly groupId: string;
    readonly talkId: string;
    readonly cause: string;
    readonly durationMs: number;
  }): void;
}
