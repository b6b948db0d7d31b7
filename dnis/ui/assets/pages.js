// What several of the scripts know of Streamlit's page: links to other pages, and whether the server draws.
const LINKS =
  "a:is([data-testid=stTopNavLink], [data-testid=stTopNavDropdownLink], [data-testid=stSidebarNavLink], [data-testid=stPageLink-NavLink])";
const STATE = "data-test-script-state";
const BUSY = `[${STATE}=running], [${STATE}=rerunRequested]`;
