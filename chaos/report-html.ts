import type { Report } from './report.ts';
export const reportHtml = (_: Report): string => '';
