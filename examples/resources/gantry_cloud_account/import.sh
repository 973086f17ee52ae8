terraform import gantry_cloud_account.team_a team-a
