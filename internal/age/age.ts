// Age: the texts and the frame of age files (age-encryption.org/v1, C2SP age.md), as far as they can be judged without
// a key: is this a recipient that can be sealed to, is this a sealed secret of the size that it ought to have.
//
// On the path: command refuses by it what is none; sealing fills the frame.
// Never: encrypts, decrypts, or holds a secret.

export { type AgeIdentity, identityBytes, identityText, parseIdentities } from './identity.ts';
export { type AgeRecipient, parseRecipient, recipientBytes, recipientText } from './recipient.ts';
export { base64Bare, type Frame, type Stanza, frameText, mostSealedBytes, readFrame } from './frame.ts';
export { sealedFault } from './sealed.ts';
