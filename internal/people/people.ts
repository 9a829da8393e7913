// People: accounts, logins, tokens and roles as one immutable value beside the fabric's, and what may become of them.
//
// On the path: the API asks who calls and decides with what stands here; the store keeps what comes out.
// Never: knows a secret (only hashes of them), how a password is hashed, who may call what, or anything of a data plane.

export type { Decided, PeopleContext } from './draft.ts';
export type { PeopleHead } from './head.ts';
export { createPeopleHead } from './head.ts';
export { createToken, heldBy, logIn, logOut, revokeLogins, revokeToken } from './logins.ts';
export { claimMail, mailAgain, mailGone } from './mails.ts';
export { callsignField, emailField, foldedEmail, foldedName, isCallsign, isEmail } from './names.ts';
export { changePassword, requestReset, resetOf, resetPassword } from './reset.ts';
export { makeLink, signUp, verify } from './sign-up.ts';
export type { People } from './snapshot.ts';
export { emptyPeople, foldPeople } from './snapshot.ts';
export type { Standing } from './standing.ts';
export { bearerOf, ownerOf, standingOf } from './standing.ts';
export { approveUser, bootstrap, deleteUser, reinstateUser, setUserRole, suspendUser } from './users.ts';
export { findUser, loginShown, mailShown, noUser, tokenShown, userNamed, userShown } from './view.ts';
