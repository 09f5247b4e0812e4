/** What the media adapters say to operators; pino's loggers fit. Tokens never appear in it. */
export interface MediaLog {
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}
