//! Every process of a stack killed at one moment, again and again, while files of every kind are under way.

use std::time::Duration;

use crate::proof::{Kind, Landings, Patience, seed, wish};
use crate::restart::{cut_power, data_dir, world_at};

/// The latest moment after the last file of a batch landed.
const LATEST: Duration = Duration::from_millis(2_500);
/// What is left in the queues comes again with the start. A lease of a dead worker is taken up by the repetition of its
/// invocation, and the reconciler sees to what the Data API forgot to announce.
const SETTLES: Patience = Patience {
    standstill: Duration::from_secs(240),
    idle_seconds: 5,
};

#[tokio::test]
async fn power_cuts_at_random_moments_lose_nothing_and_do_nothing_twice() -> anyhow::Result<()> {
    let (seed, cuts) = (seed()?, wish("CUTS")?.unwrap_or(3));
    println!("seed {seed}, {cuts} cuts: make power-cuts SEED={seed} CUTS={cuts}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let folder = data_dir()?;
    let mut world = world_at(folder.path()).await?;
    let mut landings = Landings::new(&world).await?;
    for _ in 0..cuts {
        for kind in Kind::ALL {
            landings.land(&world, kind).await?;
        }
        // Not a wait for something to happen: the moment is the point.
        let moment = LATEST.mul_f64(chance.f64());
        tokio::time::sleep(moment).await;
        cut_power(world)?;
        println!(
            "the power went {moment:?} after {} files had landed",
            landings.count()
        );
        world = world_at(folder.path()).await?;
    }
    let reckoning = landings.account_for(&world, SETTLES).await?;
    println!("{reckoning}");
    Ok(())
}
