terraform import gantry_ip_pool.nodes prod-nodes
