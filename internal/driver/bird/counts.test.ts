import { expect, test } from 'vitest';
import { parseBgpCounts } from './counts.ts';
import { createReplyParser, type ReplyLine } from './parse.ts';

/** Answers of BIRD 2.0.12 to `show protocols all`, word for word but for what stands between. */
const answer = `2002-Name       Proto      Table      State  Since         Info
1002-p44given4  Pipe       ---        up     23:49:54.662  p44black4 <=> master4
1006-  Channel main
     Table:          p44black4
   Routes:         0 imported, 0 exported
   Route change stats:     received   rejected   filtered    ignored   accepted
     Import updates:             11          0         11          0          0
 
1002-p44i_p1_p3_6 BGP        ---        up     23:49:55.644  Established   
1006-  BGP state:          Established
     Neighbor AS:      4200000003
   Channel ipv6
     State:          UP
     Table:          master6
     Import limit:   1000 [HIT]
       Action:       block
     Routes:         1000 imported, 2 exported, 1000 preferred
     Route change stats:     received   rejected   filtered    ignored   accepted
       Import updates:          10005          1          4       9000       1000
       Import withdraws:            0          0        ---          2          0
       Export updates:           1004       1000          2        ---          2
     BGP Next hop:   fd44:0:0:1::2
 
1002-p44u_p1_pop_4 BGP        ---        up     23:49:55.623  Established   
1006-  BGP state:          Established
   Channel ipv4
     State:          UP
     Import limit:   10
       Action:       block
     Routes:         1 imported, 1 exported, 1 preferred
     Route change stats:     received   rejected   filtered    ignored   accepted
       Import updates:          10002          0      10001          0          1
 
1002-p44u_p1_pop_6 BGP        ---        start  23:49:55.623  Active        Socket: Connection refused
1006-  BGP state:          Active
   Channel ipv6
     State:          DOWN
     Import limit:   10
       Action:       block
 
0000 
`;

function linesOf(text: string): readonly ReplyLine[] {
  let lines: readonly ReplyLine[] = [];
  createReplyParser((reply) => {
    lines = reply.lines;
  })(text);
  return lines;
}

test('of each BGP session that is up, what it has brought and whether there was too much of it [N2]', () => {
  expect(parseBgpCounts(linesOf(answer))).toEqual([
    {
      ...{ session: 'p44i_p1_p3_6', family: 6, imported: 1000, received: 10_005, rejected: 1, filtered: 4 },
      ...{ ignored: 9000, accepted: 1000, limit: 1000, limitHit: true },
    },
    {
      ...{ session: 'p44u_p1_pop_4', family: 4, imported: 1, received: 10_002, rejected: 0, filtered: 10_001 },
      ...{ ignored: 0, accepted: 1, limit: 10, limitHit: false },
    },
  ]);
});

test('an answer that is cut off or of something else tells nothing of a session', () => {
  for (const text of ['0000 \n', '9001 There is no protocol\n', answer.replaceAll('Import updates', 'Imports')])
    expect(parseBgpCounts(linesOf(text))).toEqual([]);
});
