// nobody-imports-the-entry, only-the-entry-knows-the-container
import { app } from '../app.ts';
import { container } from '../container.ts';

export const service = [app, container];
