use tower_bearer::login::Site;

pub(crate) fn site(site: Site) -> Site {
    site.sessions_in("redis://localhost")
}
