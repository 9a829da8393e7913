# pop44 tunnel 1b9d6bcd-bbf
# 1. Copy this file to the router (Files, or scp) as p44_1b9d6bc.rsc.
# 2. In its terminal: /import file-name=p44_1b9d6bc.rsc
# 3. See it: /interface/wireguard/peers print. Remove it: everything with the comment p44_1b9d6bc
/interface/wireguard add name="p44_1b9d6bc" mtu=1420 listen-port=44647 private-key="dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=" comment="p44_1b9d6bc"
/interface/wireguard/peers add interface="p44_1b9d6bc" public-key="3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=" endpoint-address="44.27.0.1" endpoint-port=51820 allowed-address="0.0.0.0/0,::/0" persistent-keepalive="25s" comment="p44_1b9d6bc"
/ip/address add address="44.31.0.7/32" interface="p44_1b9d6bc" comment="p44_1b9d6bc"
/ipv6/address add address="2001:db8:44:7::1/128" interface="p44_1b9d6bc" advertise="no" comment="p44_1b9d6bc"
/routing/table add name="p44_1b9d6bc" fib comment="p44_1b9d6bc"
/ip/route add dst-address="0.0.0.0/0" gateway="p44_1b9d6bc" routing-table="p44_1b9d6bc" comment="p44_1b9d6bc"
/ipv6/route add dst-address="::/0" gateway="p44_1b9d6bc" routing-table="p44_1b9d6bc" comment="p44_1b9d6bc"
/routing/rule add src-address="44.31.0.7/32" action="lookup" table="p44_1b9d6bc" comment="p44_1b9d6bc"
/routing/rule add src-address="2001:db8:44:7::1/128" action="lookup" table="p44_1b9d6bc" comment="p44_1b9d6bc"
